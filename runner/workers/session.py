"""A worker's session: an ordinary one, whose shell is the coordinator's.

It neither recovers nor reads the balance, writes no run.json and heeds no signal: what it sends,
what it has done, when it stops and whom it tells is said over a link. Its journal and its Parquet
parts bear its number.
"""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import trio

from headrace.jobs import (
    BalanceReading,
    HeadraceError,
    Manifest,
    SegmentName,
    Session,
    decode_manifest,
)

from ..assembly import Assembly
from ..clock import RunClock
from ..errors import CoordinatorLostError, StorageError
from ..limits import Lane
from ..notify import first_of
from ..offload import Offload
from ..record import Journal, JournalLeft, Recorder, RecoveredState, RunDirectory
from ..session import RunOutcome, RunSession, download_totals
from .link import Link, LinkLostError
from .messages import (
    Begin,
    Done,
    Halt,
    Kill,
    LaneCount,
    Note,
    Noted,
    Reason,
    Tell,
    ToCoordinator,
    ToWorker,
)

TELL_EVERY_S = 0.1
# All workers together: to hear one takes 25 us of the coordinator.
TELLS_PER_S = 2000
# Sealing takes several times a segment's size in memory, and there may be many workers.
SEGMENT_BYTES = 4 * 1024 * 1024
TELL_AT_LEAST_EVERY_S = 1.0

CoordinatorLink = Link[ToCoordinator, ToWorker]


class WorkerDirectory(RunDirectory):
    """A run directory that another process holds, for one that adds to it: run.json is not its to
    write."""

    def __init__(self, begin: Begin, link: CoordinatorLink, manifest: Manifest) -> None:
        super().__init__(Path(begin.directory), manifest, manifest.job_file)
        self.seals = not begin.mirrored
        self._link = link
        self._turn = trio.Lock()
        self._noted = trio.Event()
        self.coordinator_lost = trio.Event()

    def save(self) -> None:
        """The coordinator writes run.json."""

    async def noted(self, names: Sequence[SegmentName], *, writer: int, offload: Offload) -> None:
        """Have the coordinator note it, and return once run.json says so. Raises StorageError where
        nobody is there who could: then nothing is sealed, and the next session does it."""
        async with self._turn:
            self._noted = trio.Event()
            try:
                await self._link.send(Note(segments=[name.noted for name in names]))
            except LinkLostError:
                self.coordinator_lost.set()
            await first_of(self._noted, self.coordinator_lost)
            if not self._noted.is_set():
                raise CoordinatorLostError("the process that started this worker is gone")

    def is_noted(self) -> None:
        """The coordinator says that run.json has what was asked for last."""
        self._noted.set()


def worker_directory(begin: Begin, link: CoordinatorLink) -> WorkerDirectory:
    """The directory of the run that a worker was told of."""
    return WorkerDirectory(begin, link, decode_manifest(begin.manifest))


def worker_clock(begin: Begin, link: CoordinatorLink) -> RunClock:
    """A worker's clock, whose dates are by the moment that all processes of the run know."""

    def wall() -> datetime:
        return begin.anchor.moved(link.shared_s())

    return RunClock(wall)


class WorkerSession(RunSession):
    """What a worker's session of any kind does in place of the shell of a run; to be put before the
    kind's own session among the bases."""

    def __init__(self, *given: Any, begin: Begin, link: CoordinatorLink, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self.begin = begin
        self.link = link
        self._told_to_stop = False
        self._told = Tell()
        self._readings: list[BalanceReading] = []

    @property
    def directory(self) -> WorkerDirectory:
        assert isinstance(self._run, WorkerDirectory)
        return self._run

    async def take(self, message: ToWorker) -> None:
        """What the coordinator says to this kind of worker alone."""

    def tell(self, parts: Assembly) -> Tell:
        """How it stands, and what was done so far: counts are those of the whole session, what is
        a list is new."""
        totals = parts.recorder.totals
        readings, self._readings[:] = self._readings[:], []
        now_s = self._clock.now()
        shared_s = self.link.shared_s() - now_s
        concurrency = parts.admission.concurrency
        return Tell(
            succeeded=totals.succeeded,
            failed=totals.failed,
            spent=totals.spent,
            kept=totals.kept,
            unaccounted=totals.unaccounted,
            readings=readings,
            in_flight=concurrency.in_flight,
            peak=max(concurrency.history.peak(), concurrency.in_flight),
            slots=concurrency.limit,
            lanes=[_counted(lane, now_s, shared_s) for lane in parts.admission.lanes],
        )

    async def beside(self, parts: Assembly) -> None:
        """What its kind does while it sends; cancelled at the end."""

    async def settle(self) -> None:
        """Report what it used since the last time, now that nothing is in flight."""

    def _all_sent(self, recorder: Recorder) -> None:
        """The coordinator knows whether all is."""

    def facts(self, parts: Assembly) -> bytes:
        """What its last word has for the kind of run."""
        return b""

    # -- in place of the shell

    async def _heed(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen to the coordinator. Once it is gone nothing more is sent."""
        task_status.started()
        try:
            while True:
                await self._hear(await self.link.receive())
        except LinkLostError:
            self.directory.coordinator_lost.set()
            self._stop.request(CoordinatorLostError("the process that started this worker is gone"))

    async def _hear(self, message: ToWorker) -> None:
        match message:
            case Halt():
                self._told_to_stop = True
                self._stop.request(message.reason.error())
            case Kill():
                self._stop.now()
            case Noted():
                self.directory.is_noted()
            case _:
                await self.take(message)

    def _journal_left(self) -> JournalLeft:
        return JournalLeft([], [], [])

    def _begin(self, notes: Sequence[str]) -> tuple[random.Random, Session]:
        """Chance of its own: two workers must not back off in step."""
        rng, session = super()._begin(notes)
        return random.Random(f"{rng.getrandbits(64)}/{self.begin.worker}"), session

    def _recover(self, now: datetime, left: JournalLeft) -> tuple[RecoveredState, Journal]:
        state = RecoveredState(
            done=bytearray(),
            attempts={},
            recent=[],
            succeeded=0,
            failed=0,
            lost=0,
            spent=Decimal(0),
            kept=Decimal(0),
            readings=[],
            reasks={},
        )
        name = SegmentName(self.begin.segment, self.begin.worker)
        return state, Journal(self._run.journal, name)

    async def _work(self, parts: Assembly, state: RecoveredState) -> None:
        parts.recorder.readings_elsewhere = self._readings
        parts.recorder.segment_bytes = SEGMENT_BYTES
        self._told = self.tell(parts)
        async with trio.open_nursery() as beside:
            beside.start_soon(self._tell_regularly, parts)
            beside.start_soon(self.beside, parts)
            beside.start_soon(self._tell_of_a_stop)
            try:
                await self._send(parts, state)
            except HeadraceError as error:
                self._stop.request(error)
            beside.cancel_scope.cancel()
        await self.settle()
        await self._tell_why()
        await self._tell_once(parts)

    async def _tell_regularly(self, parts: Assembly) -> None:
        seen: object = None
        every_s = max(TELL_EVERY_S, self.begin.of / TELLS_PER_S)
        while True:  # what there is to tell is written down first, nearly always
            with trio.move_on_after(TELL_AT_LEAST_EVERY_S):
                while parts.recorder.position == seen:
                    await parts.recorder.until_written()
            seen = parts.recorder.position
            await trio.sleep(every_s)
            await self._tell_once(parts)

    async def _tell_once(self, parts: Assembly) -> None:
        """Tell what is new; nothing where nothing is."""
        now, told = self.tell(parts), self._told
        if now == told:
            return
        self._told = now
        news = Tell(
            succeeded=now.succeeded - told.succeeded,
            failed=now.failed - told.failed,
            spent=now.spent - told.spent,
            kept=now.kept - told.kept,
            unaccounted=now.unaccounted - told.unaccounted,
            unbilled=now.kept != told.kept or now.unaccounted != told.unaccounted,
            done=now.done,
            readings=now.readings,
            in_flight=now.in_flight,
            peak=now.peak,
            slots=now.slots,
            lanes=now.lanes,
            look=now.look,
        )
        await self.say(news)

    async def _tell_of_a_stop(self) -> None:
        """What stops this worker stops the run."""
        await self._stop.requested.wait()
        await self._tell_why()

    async def _tell_why(self) -> None:
        """What stopped it, where that was not the coordinator; once."""
        reason = self._stop.reason
        if reason is not None and not self._told_to_stop:
            await self.say(Halt(reason=Reason.of(reason)))
            self._told_to_stop = True

    async def say(self, message: ToCoordinator) -> None:
        """Tell the coordinator; where it is gone, `_heed` sees to that."""
        try:
            await self.link.send(message)
        except LinkLostError:
            self.directory.coordinator_lost.set()

    async def _close(self, parts: Assembly, session: Session) -> RunOutcome:
        """Seal what it wrote, and have its last word. Where nobody hears it, or the disk refuses,
        the journal stays as it is for whoever recovers it."""
        recorder, reason = parts.recorder, self._stop.reason
        if isinstance(reason, StorageError) or self.directory.coordinator_lost.is_set():
            recorder.abandon()
        else:
            with self._stop.begin_sealing():
                await recorder.seal_rest(self._environment.read)
        await self.say(
            Done(
                downloads=download_totals(parts.images),
                estimates=parts.admission.estimator.totals(),
                facts=self.facts(parts),
            )
        )
        return RunOutcome(
            directory=self._run.path,
            exit_code=0 if reason is None else reason.exit_code,
            reason=None if reason is None else reason.message,
            succeeded=recorder.totals.succeeded,
            failed=recorder.totals.failed,
            rejected=0,
            cost=recorder.totals.spent,
        )


def _counted(lane: Lane, now_s: float, shared_s: float) -> LaneCount:
    """How a lane stands; the clock that is shared is so much ahead. To the millisecond, or nothing
    that is told would ever be the same."""
    held_s = lane.held_until_s
    return LaneCount(
        sent=lane.sent,
        used_tokens=lane.used_tokens,
        cool_downs=lane.cool_downs,
        held_until_s=round(held_s + shared_s, 3) if held_s > now_s else None,
        failing_s=None if lane.outage_since_s is None else now_s - lane.outage_since_s,
    )
