"""The recorder: every record of a session goes through it, to the journal and then to Parquet."""

from contextlib import suppress
from decimal import Decimal
from functools import partial

import msgspec
import trio

from headrace.jobs import (
    Attempt,
    BalanceRead,
    BalanceReading,
    Decided,
    Ended,
    Finished,
    JobEnd,
    Reask,
    Reject,
    Result,
    SegmentName,
    Sent,
    Status,
    WrittenRecord,
    journal_segments,
    kept_for,
    may_be_billed,
    sync_directory,
)

from ..errors import StorageError
from ..notify import Notifier
from ..offload import Offload
from .directory import RunDirectory
from .files import storage
from .journal import Journal
from .recovery import UNUSED, RecoveredState, ServiceState
from .rejects import RejectsFile
from .seal import ensure_parts, seal

SYNC_EVERY_S = 0.1
# A segment of this size seals in well under a second and a few hundred MB.
SEGMENT_BYTES = 8 * 1024 * 1024


class Totals:
    """What the run, or one of its services, has done so far, earlier sessions included. `kept` is
    the most that attempts whose bill is unknown can have cost, as far as the account has not said
    less.

    `unbilled_s` is when the latest of them ended in this session, on trio's clock; None where none
    did. `unaccounted` counts what may have been billed in this session and is neither in `spent`
    nor in `kept`: answers without a cost, and attempts without a bill and without a bound.
    """

    def __init__(self, state: RecoveredState | ServiceState) -> None:
        self.succeeded = state.succeeded
        self.failed = state.failed
        self.rejected = 0
        self.spent = state.spent
        self.kept = state.kept
        self.unbilled_s: float | None = None
        self.unaccounted = 0


class Recorder:
    """Owns the journal of a session. One task runs `sync_regularly`; any task may record.

    Every method that records raises StorageError where the disk refuses, and the record is then
    not there, not even in part.
    """

    def __init__(
        self, run: RunDirectory, journal: Journal, state: RecoveredState, offload: Offload
    ) -> None:
        self.totals = Totals(state)
        self._state = state
        self._all: tuple[Totals, ...] = (self.totals,)
        self._counted: dict[str | None, tuple[Totals, ...]] = {}  # where there are services
        self.segment_bytes = SEGMENT_BYTES
        self.readings_elsewhere: list[BalanceReading] | None = None  # who else records them
        self._run = run
        self._journal = journal
        self._offload = offload
        self._rejects = RejectsFile(run.rejects)
        self._ended_in: SegmentName | None = None  # which has the latest end of an attempt
        self._noted: list[SegmentName] = []  # what run.json says of the segments
        self._open: dict[tuple[int, int], Sent] = {}
        self._written = Notifier()
        # Held while a thread writes a long record, and while the next segment is begun.
        self._segment = trio.Lock()

    def totals_of(self, service: str | None) -> Totals:
        """The totals of one of several services, counted from now on beside the run's; of None the
        run's."""
        if service is None:
            return self.totals
        own = Totals(self._state.by_service.get(service, UNUSED))
        self._counted[service] = (self.totals, own)
        return own

    @property
    def segment(self) -> SegmentName:
        """The segment that is written now."""
        return self._journal.name

    def sent(self, record: Sent) -> None:
        """An attempt's first byte is about to leave."""
        self._append(record)
        self._open[record.index, record.attempt] = record

    def ended(
        self, attempt: Attempt, job: JobEnd | None, *, replaces: Status | None = None
    ) -> None:
        """An attempt ended, and with `job` its job too: one record.

        `replaces` is the status of the job's earlier result, where it had one.
        """
        self._append(Ended(attempt=attempt) if job is None else Finished(attempt=attempt, job=job))
        self._count_end(attempt, job, replaces)

    async def ended_long(
        self, attempt: Attempt, job: JobEnd, *, replaces: Status | None = None
    ) -> None:
        """As `ended`, for what takes long to write: off the loop, and to its end even where it is
        cancelled meanwhile."""
        await self._append_long(Finished(attempt=attempt, job=job), attempt, job, replaces)

    def asked_again(self, attempt: Attempt, reask: Reask) -> None:
        """An attempt ended with an answer that does not fit, and its job is asked again: one
        record."""
        self._append(Ended(attempt=attempt, reask=reask))
        self._count_end(attempt, None, None)

    async def asked_again_long(self, attempt: Attempt, reask: Reask) -> None:
        """As `asked_again`, for what takes long to write; see `ended_long`."""
        await self._append_long(Ended(attempt=attempt, reask=reask), attempt, None, None)

    async def _append_long(
        self, record: WrittenRecord, attempt: Attempt, job: JobEnd | None, replaces: Status | None
    ) -> None:
        with trio.CancelScope(shield=True):
            async with self._segment:
                await self._offload(partial(self._journal.append, record))
                self._written.notify_all()
                self._count_end(attempt, job, replaces)

    def _count_end(self, attempt: Attempt, job: JobEnd | None, replaces: Status | None) -> None:
        self._ended_in = self._journal.name
        self._open.pop((attempt.index, attempt.attempt), None)
        every = self._all
        if self._counted:
            every = self._counted.get(attempt.service, every)
        for totals in every:
            if attempt.cost is None:
                _keep(totals, attempt)
            else:
                totals.spent += attempt.cost
            if job is not None:
                _count(totals, job.status, replaces)

    def decided(self, result: Result, *, replaces: Status | None = None) -> None:
        """A job has this result without a further attempt; `replaces` as for `ended`."""
        self._append(Decided.of(result, replaces=replaces is not None))
        for totals in self._counted.get(result.service, self._all):
            _count(totals, result.status, replaces)

    def reading(self, reading: BalanceReading, *, released: Decimal | None = None) -> None:
        """The balance was read, and said that so much of what was kept has not been billed: by the
        service that it is of, where there are several."""
        if self.readings_elsewhere is not None:
            self.readings_elsewhere.append(reading)
            return
        counted = self._counted.get(reading.service, self._all)
        if self._run.manifest.prices_of(reading.service) is not None:
            kept = counted[-1].kept - (released or 0)
            reading = msgspec.structs.replace(reading, kept=kept, released=released)
        self._append(BalanceRead(reading=reading))
        for totals in counted:
            totals.kept -= released or 0

    def reject(self, reject: Reject) -> None:
        """A line that is not a job."""
        self._rejects.append(reject)
        self.totals.rejected += 1

    def read_whole(self) -> None:
        """The job file was read to its end: the rejects of this session are all that there are."""
        self._rejects.end()

    def _append(self, record: WrittenRecord) -> None:
        self._journal.append(record)
        self._written.notify_all()

    @property
    def position(self) -> tuple[SegmentName, int]:
        """Where the next record will be written."""
        return self._journal.name, self._journal.bytes_written

    async def until_written(self) -> None:
        """Wait for the next record."""
        await self._written.wait()

    async def sync_regularly(self) -> None:
        """Sync what was journalled and seal full segments, until cancelled."""
        while True:
            if not self._journal.dirty:
                await self._written.wait()
            await trio.sleep(SYNC_EVERY_S)
            await self.sync()

    async def sync(self) -> None:
        """Sync what was journalled, and seal the segment where it is full."""
        await self._offload(self._journal.sync)
        if self._ended_in is not None and self._ended_in not in self._noted:
            await self._note([*self._noted, self._ended_in])
        if self._journal.bytes_written >= self.segment_bytes:
            # Shielded: a stop must not leave a closed segment that nobody seals.
            with trio.CancelScope(shield=True):
                async with self._segment:
                    full = await self._next_segment()
                # It repeats what was begun in the full one, which is about to go.
                await self._offload(self._journal.sync)
                await self._segment_filled(full)

    async def _next_segment(self) -> Journal:
        """Begin a segment with the attempts that are still open; returns the one before it."""
        full = self._journal
        fresh = full.following()
        try:
            for record in self._open.values():
                fresh.append(record)
        except StorageError:
            with suppress(StorageError):
                fresh.close()
            raise
        self._journal = fresh
        return full

    async def _segment_filled(self, full: Journal) -> None:
        """What becomes of a segment that nothing is added to any more."""
        await self._seal_full(full)

    async def _note(self, names: list[SegmentName]) -> None:
        """Have run.json name these segments: those that hold attempts which no table has."""
        await self._run.noted(names, writer=self._journal.name.writer, offload=self._offload)
        self._noted = names

    async def _seal_full(self, full: Journal) -> None:
        seals = self._run.seals
        if seals and full.name in self._noted and full is not self._journal:
            # Before it goes: a kill in between must not make it one that is missing.
            await self._note([name for name in self._noted if name != full.name])

        def work() -> None:
            full.close()
            if seals:
                seal(self._run.path, full.name, full.path)

        await self._offload(work)

    async def finish(self, offload: Offload) -> None:
        """Seal everything and remove the journal. No attempt is open any more, and no worker of the
        run is left.

        `offload` is what it is done by: one that a cancellation leaves behind has the journal stay
        for the next session.
        """
        await self.seal_rest(offload)

        def work() -> None:
            for name, path in journal_segments(self._run.journal):
                seal(self._run.path, name, path)  # a worker's that was cut off
            ensure_parts(self._run.path)
            with storage(self._run.journal):
                self._run.journal.rmdir()
                sync_directory(self._run.path)

        await self._offload(work)

    async def seal_rest(self, offload: Offload) -> None:
        """Seal what this recorder has written; other writers' segments, and the journal's
        directory, stay. `offload` as for `finish`."""
        self._offload = offload
        self._rejects.close()
        await self._seal_full(self._journal)

    def abandon(self) -> None:
        """Close the files as they are: the next session recovers them. Raises nothing: there is a
        reason already, which a disk that still refuses must not hide."""
        with suppress(StorageError):
            self._rejects.close()
        with suppress(StorageError):
            self._journal.close()


def _keep(totals: Totals, attempt: Attempt) -> None:
    """Count what an attempt may have been billed whose cost is not known."""
    if may_be_billed(attempt):
        totals.unbilled_s = trio.current_time()
        totals.kept += kept_for(attempt)
        totals.unaccounted += attempt.error_kind is None or attempt.cost_bound is None


def _count(totals: Totals, status: Status, replaces: Status | None) -> None:
    totals.succeeded -= replaces == "succeeded"
    totals.failed -= replaces == "failed"
    if status == "succeeded":
        totals.succeeded += 1
    else:
        totals.failed += 1
