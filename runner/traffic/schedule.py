"""The schedule of a load run: hands out each job when it is due, and retries when theirs is over.

It takes the place that a backlog has in a bulk run: one dispatcher takes, attempts give back.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import trio

from headrace.jobs import Job, JobEnd, Prompts

from ..alarm import Alarm
from ..pending import Pending
from .demand import Demand, DueRequest

# How long the dispatcher may continue with what is due, while others wait for their turn.
YIELD_AFTER_S = 0.002
# A prompt is made beforehand where nothing is due for so many times what the latest one took.
AHEAD_SPARE = 2.0


class TakenJob(NamedTuple):
    """A job that was taken, whose turn it was, and when it was first due."""

    pending: Pending
    user: int
    due_s: float


class UnsentRequest(NamedTuple):
    """A request that was due and never left."""

    job: Job
    due_s: float


class Schedule:
    """`over` is set once the shape wants nothing more; what was taken may still be out then.

    `pend` makes a job ready to be tried; `make_ahead` makes a prompt beforehand, and says whether
    it did. Indices are the demand's.
    """

    lost: Sequence[str] = ()  # of workers, which it has none of

    def __init__(
        self,
        demand: Demand,
        prompts: Prompts,
        *,
        alarm: Alarm,
        pend: Callable[[Job], Pending],
        make_ahead: Callable[[], bool] | None = None,
    ) -> None:
        self.demand = demand
        self.over = trio.Event()
        self.taken = 0
        self._prompts = prompts
        self._alarm = alarm
        self._pend = pend
        self._make_ahead = make_ahead
        self._making_s = 0.0  # how long the latest one took
        self._ahead: Pending | None = None
        self._retries: list[tuple[float, int, Pending]] = []
        self._order = itertools.count()
        self._out: dict[int, TakenJob] = {}
        self._halted: list[TakenJob] = []  # came back although they never left
        self._yielded_s = trio.current_time()

    @property
    def out(self) -> int:
        """Jobs that were taken and have not come to their end."""
        return len(self._out)

    def take_now(self) -> tuple[Pending, float] | None:
        """The next job, and when it was due; None while nothing is."""
        now_s = trio.current_time()
        if self._retries and self._retries[0][0] <= min(now_s, self.demand.next_s(now_s)):
            ready_s, _, pending = heapq.heappop(self._retries)
            return pending, ready_s
        turn = self.demand.take(now_s)
        return None if turn is None else (self._give(turn), turn.due_s)

    async def take(self) -> tuple[Pending, float] | None:
        """The next job as soon as it is due; None once nothing can come any more."""
        while True:
            if trio.current_time() - self._yielded_s > YIELD_AFTER_S:
                # Thousands may be due at once, and each takes a while to make.
                await trio.lowlevel.checkpoint()
                self._yielded_s = trio.current_time()
            if (taken := self.take_now()) is not None:
                return taken
            if self.demand.over_s is not None:
                self.over.set()
                if not self._out:
                    return None
            elif self.demand.open_loop and self._ahead is None:
                # What was just taken leaves first; then there is time to make the next one. trio
                # runs what is ready in any order: after a second round, all of the first has run.
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
                self._ahead = self._make(self.demand.next_number)
                continue
            elif self._makes_ahead():
                await trio.lowlevel.checkpoint()
                continue
            retry_s = self._retries[0][0] if self._retries else float("inf")
            await self._alarm.wait_until(min(retry_s, self.demand.next_s(trio.current_time())))
            self._yielded_s = trio.current_time()

    def _makes_ahead(self) -> bool:
        """Make one more prompt beforehand, where nothing is due before it would be ready."""
        now_s = trio.current_time()
        if self._make_ahead is None or not self.demand.open_loop:
            return False
        if self.demand.next_s(now_s) - now_s < AHEAD_SPARE * self._making_s:
            return False
        made = self._make_ahead()
        self._making_s = trio.current_time() - now_s
        return made

    def _make(self, index: int, user: int = 0) -> Pending:
        return self._pend(self._prompts.next(index, user))

    def _give(self, turn: DueRequest) -> Pending:
        pending, self._ahead = self._ahead or self._make(turn.number, turn.user), None
        self._out[pending.job.index] = TakenJob(pending, turn.user, turn.due_s)
        self.taken += 1
        return pending

    def retry(self, pending: Pending, ready_s: float) -> None:
        """Put a taken job back, to be sent no earlier than `ready_s` on trio's clock."""
        heapq.heappush(self._retries, (ready_s, next(self._order), pending))
        self._alarm.ring()

    def done(self, pending: Pending, end: JobEnd | None) -> None:
        """A taken job will not come back; None where it has no result."""
        taken = self._out.pop(pending.job.index)
        if not pending.made:
            self._halted.append(taken)
        user = taken.user
        good = end is not None and end.status == "succeeded"
        self._prompts.answered(pending.job, end.text if good and end else None)
        self.demand.freed(user, trio.current_time(), failed=not good)
        if not self.demand.open_loop or self.demand.over_s is not None:
            self._alarm.ring()  # a user is back, or nobody is out any more

    def unsent(self, until_s: float) -> Iterator[UnsentRequest]:
        """What was due by `until_s` and never sent. To be asked once, at the end.

        Each has the prompt that it would have been sent with.
        """
        for taken in (*self._halted, *self._out.values()):
            if not taken.pending.made:
                yield UnsentRequest(taken.pending.job, taken.due_s)
        for due_s, user, number in self.demand.left(until_s):
            pending, self._ahead = self._ahead or self._make(number, user), None
            self.taken += 1
            yield UnsentRequest(pending.job, due_s)
