"""The engine of a job file: it reads jobs, and has each lane let them out in the file's order.

A file that can be read more than once has a reader per lane, so that a long run of lines of a slow
model holds up no other; standard input has one for all.

A dispatcher takes a job, waits until it may leave (`runner.admission`), and starts its attempt. So
what waits holds neither slot nor connection, and a lane that waits holds up no other.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple, Protocol

import trio

from headrace.jobs import Job, JobReader, Reask, Reject, counted

from ..assembly import Assembly
from ..dispatch import send_all
from ..errors import OutageError
from ..limits import JobLanes, Lane
from ..offload import Offload
from ..pending import Pending
from ..record import Recorder, RecoveredState
from ..stop import Stop
from .backlog import Backlog
from .copies import Copies
from .read_jobs import read_some


class FilePass(NamedTuple):
    """One pass over the job file, which the jobs of these lanes are taken from."""

    reader: JobReader
    lanes: Collection[Lane]


class FileProgress(NamedTuple):
    """How many jobs and rejects the file is expected to have, None where nobody knows, and how many
    jobs are left for each lane, those that are not read yet included."""

    expected_items: float | None
    left: Mapping[Lane, float]


class NotAgain:
    """Failed jobs that were to be sent again and can't be, as they or the settings are now: they
    keep their results."""

    def __init__(self) -> None:
        self._count = 0
        self._first: Reject | None = None

    def append(self, item: Reject) -> None:
        """One more of them."""
        self._count += 1
        self._first = self._first or item

    @property
    def words(self) -> str | None:
        """How many, and why the first; None where there are none."""
        if self._first is None:
            return None
        what = counted(self._count, "failed job")
        its = "its result" if self._count == 1 else "their results"
        return (
            f"{what} could not be sent again and kept {its}; line {self._first.line}: "
            f"{self._first.reason}"
        )


class JobBounds(Protocol):
    """Says the most that an attempt at a job can cost; None where nothing bounds it."""

    def of(self, job: Job) -> Decimal | None:
        """In the currency of the prices."""
        ...


class Engine:
    """Runs jobs to their end, or until it is told to stop; why it stopped is in `stop.reason`.

    `services` are what they are sent by, one for each service, and `lanes` those of all of them.
    `bounds` say the most that an attempt can cost; None without prices. `copies` take the jobs that
    ask what another one asks, where that is wanted.
    """

    def __init__(
        self,
        *,
        services: Sequence[Assembly],
        lanes: JobLanes,
        recorder: Recorder,
        bounds: JobBounds | None,
        copies: Copies | None = None,
        stop: Stop,
    ) -> None:
        self._services = services
        self._recorder = recorder
        self._bounds = bounds
        self._copies = copies
        self._stop = stop
        self.lanes = lanes
        self.not_again = NotAgain()
        self._backlogs = {lane: Backlog() for lane in self.lanes}

    @property
    def unfinished(self) -> int:
        """Jobs that were read and have no result: waiting, pausing and in flight."""
        return sum(backlog.unfinished for backlog in self._backlogs.values())

    def ahead(self, passes: Sequence[FilePass]) -> FileProgress:
        """What is still to be done, by what the passes have read of the file so far."""
        expected = max(
            (each for file_pass in passes if (each := file_pass.reader.expected_items())),
            default=None,
        )
        left = {}
        for reader, lanes in passes:
            for lane in lanes:
                backlog = self._backlogs[lane]
                unread = max(0.0, (expected or 0) - reader.items)
                of_lane = backlog.received / reader.items if reader.items else 0.0
                left[lane] = backlog.unfinished + unread * of_lane
        return FileProgress(expected, left)

    async def run(self, passes: Sequence[FilePass], state: RecoveredState, read: Offload) -> None:
        """Work off what is read, which `read` does in threads of its own where it may block.

        Each lane is in one of the `passes`; the first one tells of the lines that are not jobs.
        Jobs that `state` has as done are passed over. Returns when every job has its result, or
        after a stop when nothing is in flight any more.
        """
        first, *others = passes
        reading = partial(self._read, first, state, read, first=True)
        async with trio.open_nursery() as background:
            for work in (self._recorder.sync_regularly, reading):
                background.start_soon(self._stop.on_error, work)
            async with trio.open_nursery() as services:
                for each in self._services:
                    own = [
                        partial(self._read, file_pass, state, read, first=False)
                        for file_pass in others
                        if not {*each.admission.lanes}.isdisjoint(file_pass.lanes)
                    ]
                    services.start_soon(self._send, each, own)
            background.cancel_scope.cancel()

    async def _send(
        self, service: Assembly, readers: Sequence[Callable[[], Awaitable[None]]]
    ) -> None:
        """Send the jobs of one service, and read them where nobody else does."""
        lanes = list(service.admission.lanes)
        backlogs = [self._backlogs[lane] for lane in lanes]
        await send_all(
            backlogs,
            *readers,
            *(partial(watch_outage, lane) for lane in lanes),
            attempts=service.attempts,
            admission=service.admission,
            stop=service.stop,
        )
        for backlog in backlogs:
            backlog.give_up()

    async def _read(
        self, file_pass: FilePass, state: RecoveredState, read: Offload, *, first: bool
    ) -> None:
        backlogs: dict[Lane | None, Backlog]
        backlogs = {lane: self._backlogs[lane] for lane in file_pass.lanes}
        began_s = trio.current_time()
        while items := await read_some(file_pass.reader, read):
            found = False
            for item in items:
                if isinstance(item, Job):
                    backlog = backlogs.get(self.lanes.of_job(item))
                    if backlog is None or (self._copies is not None and self._copies.take(item)):
                        continue
                    if not state.has_result(item.index):
                        if backlog.full:
                            await backlog.until_room()
                        backlog.put(self._pending(item, state))
                        found = True
                elif first and state.replaced(item.line - 1) == "failed":
                    self.not_again.append(item)
                elif first and not state.has_result(item.line - 1):
                    self._recorder.reject(item)
            if not found and len(backlogs) < len(self._backlogs):
                # On the way through others' lines they have the processor for half of the time.
                await trio.sleep(trio.current_time() - began_s)
            began_s = trio.current_time()
        for backlog in backlogs.values():
            backlog.exhaust()

    def _pending(self, job: Job, state: RecoveredState) -> Pending:
        earlier = state.reasks.get(job.index, [])
        return Pending(
            self._asked(job, earlier),
            state.attempts.get(job.index, 0),
            None if self._bounds is None else self._bounds.of(job),
            state.replaced(job.index),
            asked_again=len(earlier),
        )

    def _asked(self, job: Job, earlier: Sequence[Reask]) -> Job:
        return asked_so_far(job, earlier)


async def watch_outage(lane: Lane) -> None:
    """Wait until a lane's outage lasts too long. Raises OutageError then."""
    await lane.outage_over_limit.wait()
    what = "the service" if lane.model is None else f"the model {lane.model}"
    raise OutageError(
        f"{what} has failed for {lane.outage_limit_s:g} s without a break; "
        "run the same command again when it is back"
    )


def asked_so_far(job: Job, earlier: Sequence[Reask]) -> Job:
    """The job as it is to be asked next, after answers that did not fit."""
    if not earlier:
        return job
    from headrace.jobs import asked_again  # loaded where a run has a schema

    for reask in earlier:
        job = asked_again(job, text=reask.text, why=reask.why)
    return job
