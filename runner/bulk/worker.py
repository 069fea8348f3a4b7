"""A worker of a bulk run: an ordinary session over the jobs that it is given."""

import math
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import trio

from headrace.jobs import CostBounds, JobEnd

from ..assembly import Assembly
from ..dispatch import send_all
from ..limits import Lane, SharedLane
from ..money import LeasedBudget
from ..notify import Latch, Notifier
from ..pending import Pending
from ..record import Journal, JournalLeft, RecoveredState
from ..secret import Secret
from ..session import RunEnvironment, RunSession
from ..settings import RunSettings, key_from
from ..workers import (
    REPORT_S,
    Allotment,
    Begin,
    CoordinatorLink,
    Deal,
    Give,
    GivenJob,
    NoMore,
    Ready,
    Room,
    Tell,
    ToWorker,
    Use,
    WorkerSession,
    worker_clock,
    worker_directory,
)
from .backlog import Backlog
from .engine import asked_so_far, watch_outage

# Reports that are urgent leave no sooner after one another.
URGENT_S = 0.02
# A worker has no more jobs ahead than it takes in so long, or than a few for its slots.
AHEAD_S = 2.0
AHEAD_JOBS = 8
AHEAD_MAX = 2048


class BulkTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker of a bulk run is told: the settings without the key, and whether anything has
    succeeded before."""

    settings: bytes
    succeeded: int


def task_of(settings: RunSettings, succeeded: int) -> bytes:
    """For a worker of a run with these settings, in which so many jobs have succeeded."""
    plain = msgspec.msgpack.encode(settings, enc_hook=lambda _key: None)
    return msgspec.msgpack.encode(BulkTask(settings=plain, succeeded=succeeded))


def bulk_worker(
    begin: Begin, link: CoordinatorLink, environment: RunEnvironment, *, key: Secret | None = None
) -> "BulkWorker":
    """The session of a worker. A `key` of None is that of the environment."""
    task = msgspec.msgpack.decode(begin.task, type=BulkTask)
    key = key or key_from(None)

    def with_key(kind: type, value: Any) -> Any:
        return key if kind is Secret else value

    settings = msgspec.msgpack.decode(task.settings, type=RunSettings, dec_hook=with_key)
    return BulkWorker(
        worker_directory(begin, link),
        settings,
        worker_clock(begin, link),
        environment._replace(announce=None, stop=None),
        begin=begin,
        link=link,
        succeeded=task.succeeded,
    )


class FedBacklog(Backlog):
    """A backlog that asks for more before it is empty. `low` is told when it is to look.

    How much it holds is found: where it was empty while more was on its way, it asks for twice as
    much from then on, but never for more than it takes in some seconds.
    """

    def __init__(self, low: Notifier) -> None:
        super().__init__()
        self.done_lines: list[int] = []
        self._low = low
        self._asked = 0  # jobs on their way
        self._ahead = AHEAD_JOBS
        self._starved = False
        self._taken = 0
        self._looked_s = trio.current_time()

    def take_now(self) -> tuple[Pending, float | None] | None:
        taken = super().take_now()
        if taken is not None:
            self._taken += 1
            if self.waiting <= self._ahead // 2:
                self._low.notify_all()
        elif self._asked > 0:
            self._starved = True
        return taken

    def put(self, pending: Pending) -> None:
        self._asked -= 1
        super().put(pending)

    def done(self, pending: Pending, end: JobEnd | None) -> None:
        super().done(pending, end)
        self.done_lines.append(pending.job.index)

    def wanted(self, slots: int) -> int:
        """How many more to ask for now; they count as on their way then."""
        there = self.waiting + self._asked
        if there > self._ahead // 2:
            return 0
        now_s = trio.current_time()
        pace = self._taken / max(now_s - self._looked_s, 1e-3)
        self._taken, self._looked_s = 0, now_s
        most = max(AHEAD_JOBS + slots, min(AHEAD_MAX, math.ceil(pace * AHEAD_S)))
        self._ahead = min(most, self._ahead * 2 if self._starved else max(self._ahead, slots // 2))
        self._starved = False
        jobs = max(0, self._ahead - there)
        self._asked += jobs
        return jobs


class BulkWorker(WorkerSession, RunSession):
    """Sends the jobs that it is given, within its share of the limits and its lease of the
    money."""

    _lane: type[Lane] = SharedLane
    _leased = True

    def __init__(self, *given: Any, succeeded: int, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self._succeeded_before = succeeded
        self._low = Notifier()
        self._news = Latch()
        self._backlogs: list[FedBacklog] = []
        self._bounds: CostBounds | None = None
        self._allotment: Allotment | None = None

    def _recover(self, now: datetime, left: JournalLeft) -> tuple[RecoveredState, Journal]:
        state, journal = super()._recover(now, left)
        return state._replace(succeeded=self._succeeded_before), journal

    async def take(self, message: ToWorker) -> None:
        match message:
            case Give():
                for job in message.jobs:
                    self._backlogs[message.lane].put(self._pending(job))
            case NoMore():
                for backlog in self._backlogs:
                    backlog.exhaust()
            case Deal():
                assert self._allotment is not None
                self._allotment.take(message.terms, self._clock.now())

    def _pending(self, given: GivenJob) -> Pending:
        return Pending(
            asked_so_far(given.job, given.reasks),
            given.made,
            None if self._bounds is None else self._bounds.of(given.job),
            given.replaces,
            asked_again=len(given.reasks),
        )

    async def _send(self, parts: Assembly, state: RecoveredState) -> None:
        admission = parts.admission
        self._backlogs = [FedBacklog(self._low) for _ in admission.lanes]
        self._bounds = None if parts.prices is None else CostBounds(parts.prices)
        budget = admission.budget
        assert budget is None or isinstance(budget, LeasedBudget)
        self._allotment = Allotment(
            admission.lanes, admission.concurrency, budget, on_news=self._news.set
        )
        await self.say(Ready())
        await send_all(
            self._backlogs,
            parts.recorder.sync_regularly,
            *(partial(watch_outage, lane) for lane in admission.lanes),
            attempts=parts.attempts,
            admission=admission,
            stop=self._stop,
        )

    async def beside(self, parts: Assembly) -> None:
        """Report what it uses, and ask for more jobs, as long as it sends."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._report)
            nursery.start_soon(self._ask, parts)

    async def settle(self) -> None:
        """The account is read once all have ended, and what was spent is compared with it."""
        if self._allotment is not None:
            await self.say(Use(use=self._allotment.report(self._clock.now())))

    async def _report(self) -> None:
        while True:
            await self.settle()
            await trio.sleep(URGENT_S)
            with trio.move_on_after(REPORT_S - URGENT_S):
                await self._news.wait()

    async def _ask(self, parts: Assembly) -> None:
        """Nothing is awaited between a look that finds nothing wanted and the wait: what is taken
        while a message is sent is seen by the next look."""
        while True:
            slots, asked = parts.admission.concurrency.limit, False
            for lane, backlog in enumerate(self._backlogs):
                if jobs := backlog.wanted(slots):
                    asked = True
                    await self.say(Room(lane=lane, jobs=jobs))
            if not asked:
                await self._low.wait()

    def tell(self, parts: Assembly) -> Tell:
        """With the jobs that will not come back."""
        done: list[int] = []
        for backlog in self._backlogs:
            done += backlog.done_lines
            backlog.done_lines.clear()
        return msgspec.structs.replace(super().tell(parts), done=done)
