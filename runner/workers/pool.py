"""One limit, held by workers: what each may send, and what is held by nobody. Pure.

    sum of held  +  ghosts  <=  limit      at every instant, for windows and for paces

`held` is what a worker may have in force at this instant, as far as its coordinator can know: what
it last reported, and what was told to it since. A ghost is what the last minute holds of a worker,
or of a session, that is no more.
"""

from collections.abc import Hashable, Iterable, Sequence

from ..limits import Share


class Stake:
    """What one worker has of a limit."""

    __slots__ = ("pace", "reported", "target", "told_pace", "told_window")

    def __init__(self) -> None:
        self.target = 0  # what it is to come to
        self.pace = 0  # acknowledged
        self.told_pace = 0
        self.told_window = 0
        self.reported = 0  # held, as it said

    @property
    def held_pace(self) -> int:
        """The fastest that may be in force."""
        return max(self.pace, self.told_pace)

    @property
    def held(self) -> int:
        """The most that any window may hold that ends from now on."""
        return max(self.reported, self.told_window)

    @property
    def share(self) -> Share:
        """What it was told."""
        return Share(self.told_pace, self.told_window)


class Pool:
    """The stakes in one limit. A limit that was lowered below what is held deals nothing until less
    is."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.stakes: dict[Hashable, Stake] = {}
        self._ghosts: list[tuple[float, int]] = []  # until when, and how much

    def haunt(self, until_s: float, amount: int) -> None:
        """Count `amount` as held by nobody that could give it back, until `until_s`."""
        if amount:
            self._ghosts.append((until_s, amount))

    def join(self, worker: Hashable) -> None:
        """A worker that holds nothing so far."""
        self.stakes[worker] = Stake()

    def reported(self, worker: Hashable, held: int, *, acknowledged: bool) -> None:
        """A worker said what it holds, having heard all that it was told or not."""
        stake = self.stakes[worker]
        stake.reported = held
        if acknowledged:
            stake.pace = stake.told_pace
            # It holds less than it was told where its share ran out: that was given up by it.
            stake.told_window = min(stake.told_window, held)

    def forget(self, worker: Hashable) -> int:
        """A worker is gone; returns what it may have held."""
        return self.stakes.pop(worker).held

    def void(self, worker: Hashable) -> None:
        """A worker's share has run out for longer than a window: nothing of it counts."""
        stake = self.stakes[worker]
        stake.pace = stake.told_pace = stake.told_window = stake.reported = 0

    def move(self, workers: Iterable[Hashable], now_s: float) -> set[Hashable]:
        """Bring these workers, which have heard all that they were told, nearer to their targets.

        What is asked back counts as held until they say otherwise; what nobody holds is dealt.
        Returns those whose share is another than before.
        """
        self._ghosts = [each for each in self._ghosts if each[0] > now_s]
        stakes = self.stakes.values()
        window = self.limit - sum(s.held for s in stakes) - sum(each[1] for each in self._ghosts)
        pace = self.limit - sum(s.held_pace for s in stakes)
        mine = {worker: self.stakes[worker] for worker in workers}
        before = {worker: stake.share for worker, stake in mine.items()}
        wanted = [max(0, stake.target - stake.held_pace) for stake in mine.values()]
        for stake, more in zip(mine.values(), parts(pace, wanted), strict=True):
            stake.told_pace = min(stake.target, stake.told_pace + more)
        wanted = [max(0, stake.target - stake.held) for stake in mine.values()]
        for stake, more in zip(mine.values(), parts(window, wanted), strict=True):
            stake.told_window = min(stake.target, stake.held + more)
        return {worker for worker, stake in mine.items() if stake.share != before[worker]}


def parts(room: int, wanted: Sequence[int]) -> list[int]:
    """What each gets of `room`, in the measure of what is wanted; nothing of a debt."""
    total = sum(wanted)
    if room >= total or room <= 0:
        return list(wanted) if room > 0 else [0] * len(wanted)
    given = [room * each // total for each in wanted]
    left = room - sum(given)
    for n, each in enumerate(wanted):
        more = min(left, each - given[n], 1)
        given[n] += more
        left -= more
    return given
