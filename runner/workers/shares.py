"""The limits of one account, shared out among workers. Pure: times come in.

Workers report what they hold, use and wait for; `deal` says who is to be told something else. What
each holds is known from above at every instant (`pool`), so however late a message is, the workers
together keep to the limits as one process would.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from headrace.jobs import Limits

from ..limits import WINDOW_S, LaneShare, LaneUse
from .pool import Pool
from .targets import Want, choose, targets
from .terms import SHARE_LASTS_S, SlotUse

# Requests leave evenly, but for one that each worker may be ahead: a server's bucket holds 2 s'
# worth, half a second of which goes to what the delay from send to count varies by. So there may be
# one worker for every 40 requests a minute.
LEAST_RPM = 40
# No job should be above 1 % of a share: what is left of a window, and too little for the next job,
# is lost.
JOBS_IN_A_SHARE = 100
# The largest job that waited is forgotten slowly: by half in so long.
HALF_FORGOTTEN_S = 300.0
# With another client on the same key: as in the limiter of a single process.
OWN_SHARE = 0.9
SHARE_FALL = 0.9
SHARE_RISE = 1.1
SHARE_RISE_AFTER_S = 300.0


class Past(NamedTuple):
    """A request of an earlier session that may still count: when it was sent, and its tokens."""

    sent_at_s: float
    tokens: int


class LaneShares:
    """The shares in one lane's limits; `rpm` and `tpm` None for no limit."""

    def __init__(self, rpm: int | None, tpm: int | None, *, now_s: float) -> None:
        self._began_s = now_s
        self.requests = None if rpm is None else Pool(rpm)
        self.tokens = None if tpm is None else Pool(tpm)
        self._whole_rpm = rpm  # without another client
        self._rises_at_s = float("inf")
        self._use: dict[Hashable, LaneUse] = {}
        self._largest = 0.0  # reservation of tokens
        self._largest_s = now_s
        self._hold_until_s = float("-inf")

    @property
    def pools(self) -> list[Pool]:
        """The limits that it has."""
        return [pool for pool in (self.requests, self.tokens) if pool is not None]

    @property
    def hold_until_s(self) -> float:
        """When the cool-downs of all workers are over."""
        return self._hold_until_s

    @property
    def most_workers(self) -> int:
        """How many workers may have a share at once."""
        most = len(self._use)
        if self.requests is not None:
            most = min(most, self.requests.limit // LEAST_RPM)
        if self.tokens is not None and self._largest:
            most = min(most, int(self.tokens.limit / (JOBS_IN_A_SHARE * self._largest)))
        return max(1, most)

    def remember(self, past: Iterable[Past]) -> None:
        """Count what an earlier session sent."""
        for each in past:
            if self.requests is not None:
                self.requests.haunt(each.sent_at_s + WINDOW_S, 1)
            if self.tokens is not None:
                self.tokens.haunt(each.sent_at_s + WINDOW_S, each.tokens)

    def join(self, worker: Hashable) -> None:
        self._use[worker] = LaneUse()
        for pool in self.pools:
            pool.join(worker)

    def leave(self, worker: Hashable, now_s: float, *, known: bool) -> None:
        """All that it may have sent counts for a window from now on, unless what it sent is `known`
        and remembered."""
        del self._use[worker]
        for pool in self.pools:
            held = pool.forget(worker)
            if not known:
                pool.haunt(now_s + WINDOW_S, held)

    def void(self, worker: Hashable) -> None:
        self._use[worker] = LaneUse()
        for pool in self.pools:
            pool.void(worker)

    def report(self, worker: Hashable, use: LaneUse, *, acknowledged: bool, now_s: float) -> None:
        self._use[worker] = use
        if self.requests is not None:
            self.requests.reported(worker, use.held_requests, acknowledged=acknowledged)
        if self.tokens is not None:
            self.tokens.reported(worker, use.held_tokens, acknowledged=acknowledged)
        self._forget_largest(now_s)
        self._largest = max(use.largest_tokens, self._largest)
        self._hold_until_s = max(self._hold_until_s, now_s + use.hold_s if use.hold_s else 0.0)
        self._heed_service(use, now_s)

    def _forget_largest(self, now_s: float) -> None:
        self._largest *= 0.5 ** ((now_s - self._largest_s) / HALF_FORGOTTEN_S)
        self._largest_s = now_s

    def _heed_service(self, use: LaneUse, now_s: float) -> None:
        """Follow a service that allows less than the user set, and leave another client of the key
        what it takes."""
        rpm, tpm = use.service_rpm, use.service_tpm
        if rpm is not None and (self._whole_rpm is None or rpm < self._whole_rpm):
            self._whole_rpm = rpm
            if self.requests is None:
                self.requests = self._late_pool(rpm)
            self.requests.limit = min(rpm, self.requests.limit)
        if tpm is not None:
            if self.tokens is None:
                self.tokens = self._late_pool(tpm)
            self.tokens.limit = min(tpm, self.tokens.limit)
        if use.none_left:
            self._leave_some(now_s)

    def _late_pool(self, limit: int) -> Pool:
        pool = Pool(limit)
        for worker in self._use:
            pool.join(worker)
        return pool

    def _leave_some(self, now_s: float) -> None:
        if self.requests is None or self._whole_rpm is None or now_s < self._began_s + WINDOW_S:
            return
        ours = sum(use.used_requests for use in self._use.values())
        if self.requests.limit < self._whole_rpm:
            ours = min(ours, int(self.requests.limit * SHARE_FALL))
        elif ours >= OWN_SHARE * self._whole_rpm:
            return
        self.requests.limit = max(1, ours)
        self._rises_at_s = now_s + SHARE_RISE_AFTER_S

    def deal(self, free: Sequence[Hashable], now_s: float) -> set[Hashable]:
        """Deal what nobody holds. `free` are the workers that have heard all that they were told;
        returns those of them whose share is another now."""
        if now_s >= self._rises_at_s and self.requests is not None and self._whole_rpm is not None:
            limit = int(-(-self.requests.limit * SHARE_RISE // 1))
            self.requests.limit = min(self._whole_rpm, limit)
            whole = self.requests.limit == self._whole_rpm
            self._rises_at_s = float("inf") if whole else now_s + SHARE_RISE_AFTER_S
        self._aim()
        return {worker for pool in self.pools for worker in pool.move(free, now_s)}

    def _aim(self) -> None:
        """Set the targets: the same workers have shares in both limits, or one of the two would be
        of no use to them."""
        pools = self.pools
        if not pools or not self._use:
            return
        has = [all(pool.stakes[worker].target for pool in pools) for worker in self._use]
        uses = list(self._use.values())
        waits = [use.waits_for is not None for use in uses]
        holders = [had and use.pace > 0 for had, use in zip(has, uses, strict=True)]
        chosen = choose(holders, waits, most=self.most_workers)
        if chosen is None:
            if all(sum(stake.target for stake in p.stakes.values()) == p.limit for p in pools):
                return
            chosen = list(range(min(len(uses), self.most_workers)))
        if self.requests is not None:
            wants = [(use.pace, use.waits_for == "requests") for use in uses]
            _aim(self.requests, wants, chosen, LEAST_RPM)
        if self.tokens is not None:
            wants = [(_token_pace(use), use.waits_for == "tokens") for use in uses]
            _aim(self.tokens, wants, chosen, max(1, int(JOBS_IN_A_SHARE * self._largest)))

    def share_of(self, worker: Hashable, now_s: float) -> LaneShare:
        """What it is to keep to."""
        requests, tokens = self.requests, self.tokens
        return LaneShare(
            requests=None if requests is None else requests.stakes[worker].share,
            tokens=None if tokens is None else tokens.stakes[worker].share,
            rpm=None if requests is None else requests.limit,
            tpm=None if tokens is None else tokens.limit,
            hold_s=max(0.0, self._hold_until_s - now_s),
        )


class Shares:
    """All lanes' limits and the slots. `slots` is None where each worker finds its own number.

    Invariant: a worker that is told something is told nothing else before it has acknowledged it.
    """

    def __init__(self, limits: Limits, *, slots: int | None, now_s: float) -> None:
        each = [(limits.rpm, limits.tpm), *((own.rpm, own.tpm) for own in limits.models.values())]
        self._places = {model: place for place, model in enumerate(limits.models, start=1)}
        self.lanes = [LaneShares(rpm, tpm, now_s=now_s) for rpm, tpm in each]
        self.slots = None if slots is None else Pool(slots)
        self._slot_use: dict[Hashable, SlotUse] = {}
        self._lasts_until_s: dict[Hashable, float] = {}

    @property
    def pools(self) -> int:
        """How many limits are shared out."""
        return sum(len(lane.pools) for lane in self.lanes) + (self.slots is not None)

    def remember(self, past: Iterable[tuple[str, Past]]) -> None:
        """Count what an earlier session sent in its last minute, by model."""
        for model, each in past:
            self.lanes[self._places.get(model, 0)].remember([each])

    def join(self, worker: Hashable) -> None:
        """A worker is there, without a share so far."""
        self._lasts_until_s[worker] = float("-inf")
        self._slot_use[worker] = SlotUse()
        for lane in self.lanes:
            lane.join(worker)
        if self.slots is not None:
            self.slots.join(worker)

    def leave(
        self, worker: Hashable, now_s: float, *, sent: Sequence[tuple[str, Past]] | None = None
    ) -> None:
        """A worker is gone for good: its process has ended, or sends nothing any more.

        `sent` is what its journal says that it sent in the last window, by model: each counts until
        a window after it. Without that, all that it held counts for a window from now on.
        """
        del self._lasts_until_s[worker], self._slot_use[worker]
        for lane in self.lanes:
            lane.leave(worker, now_s, known=sent is not None)
        self.remember(sent or ())
        if self.slots is not None:
            self.slots.forget(worker)

    def report(
        self,
        worker: Hashable,
        lanes: Sequence[LaneUse],
        slots: SlotUse | None,
        *,
        acknowledged: bool,
        now_s: float,
    ) -> None:
        """Take in what a worker said; `acknowledged` where it has heard all that it was told."""
        for lane, use in zip(self.lanes, lanes, strict=True):
            lane.report(worker, use, acknowledged=acknowledged, now_s=now_s)
        if self.slots is not None and slots is not None:
            self._slot_use[worker] = slots
            self.slots.reported(worker, slots.held, acknowledged=acknowledged)

    def answered(self, worker: Hashable, now_s: float) -> None:
        """Its last report is answered now: from here on its share lasts as long as it may."""
        self._lasts_until_s[worker] = now_s + SHARE_LASTS_S

    def expire(self, now_s: float) -> list[Hashable]:
        """Void the shares that ran out a window ago, without a word of their workers. Slots stay
        theirs: what is in flight is so still."""
        silent = [
            worker
            for worker, until_s in self._lasts_until_s.items()
            if float("-inf") < until_s <= now_s - WINDOW_S
        ]
        for worker in silent:
            self._lasts_until_s[worker] = float("-inf")
            for lane in self.lanes:
                lane.void(worker)
        return silent

    def deal(self, free: Sequence[Hashable], now_s: float) -> set[Hashable]:
        """As `LaneShares.deal`, of all lanes and the slots."""
        changed = set[Hashable]()
        for lane in self.lanes:
            changed |= lane.deal(free, now_s)
        if self.slots is not None:
            uses = list(self._slot_use.values())
            has = [stake.target > 0 for stake in self.slots.stakes.values()]
            chosen = choose(has, [use.waits for use in uses], most=self.slots.limit)
            if chosen is not None or not any(has):
                places = list(range(min(len(uses), self.slots.limit)))
                wants = [(use.in_flight, use.waits) for use in uses]
                _aim(self.slots, wants, chosen or places, 1)
            changed |= self.slots.move(free, now_s)
        return changed

    def lanes_of(self, worker: Hashable, now_s: float) -> list[LaneShare]:
        """What its lanes are to keep to."""
        return [lane.share_of(worker, now_s) for lane in self.lanes]

    def slots_of(self, worker: Hashable) -> int | None:
        """How many slots it has; None where it finds its own number."""
        return None if self.slots is None else self.slots.stakes[worker].told_window


def _aim(pool: Pool, uses: Sequence[tuple[int, bool]], chosen: Sequence[int], least: int) -> None:
    """Set the targets of one limit; `uses` are what its workers use and whether they wait."""
    stakes = list(pool.stakes.values())
    wants = [Want(stake.target, *use) for stake, use in zip(stakes, uses, strict=True)]
    dealt = targets(pool.limit, wants, chosen, least=least)
    for stake, target in zip(stakes, dealt, strict=True):
        stake.target = target


def _token_pace(use: LaneUse) -> int:
    """Tokens a minute, lately."""
    return use.pace * use.used_tokens // max(1, use.used_requests)
