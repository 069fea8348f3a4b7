"""The recorder of a load run: it writes each attempt's phase, and leaves Parquet to the end."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
import trio

from headrace.jobs import Attempt, JobEnd, Phase, SegmentName, Sent, Status

from ..offload import Offload
from ..record import Journal, Recorder, RecoveredState, RunDirectory, seal
from .tally import Tally


class LoadRecorder(Recorder):
    """As for a job file, but that `phase_of` each due time goes into the attempt's row, the tally
    is told, and full segments of the journal wait for `finish` to be sealed: making Parquet while
    requests are due would hold them up."""

    def __init__(
        self,
        run: RunDirectory,
        journal: Journal,
        state: RecoveredState,
        offload: Offload,
        *,
        phase_of: Callable[[datetime], Phase],
        tally: Tally,
    ) -> None:
        super().__init__(run, journal, state, offload)
        self._phase_of = phase_of
        self._tally = tally
        self._full: list[tuple[SegmentName, Path]] = []

    def sent(self, record: Sent) -> None:
        super().sent(record)
        self._tally.request_left(trio.current_time())

    def ended(
        self, attempt: Attempt, job: JobEnd | None, *, replaces: Status | None = None
    ) -> None:
        super().ended(self._with_phase(attempt), job, replaces=replaces)

    async def ended_long(
        self, attempt: Attempt, job: JobEnd, *, replaces: Status | None = None
    ) -> None:
        await super().ended_long(self._with_phase(attempt), job, replaces=replaces)

    def _with_phase(self, attempt: Attempt) -> Attempt:
        return msgspec.structs.replace(attempt, phase=self._phase_of(attempt.due_at))

    def _count_end(self, attempt: Attempt, job: JobEnd | None, replaces: Status | None) -> None:
        super()._count_end(attempt, job, replaces)
        self._tally.attempt_ended(attempt, job, trio.current_time())

    def never_sent(self, attempt: Attempt) -> None:
        """A request was due, and the run ended before it left; those who look on have gone."""
        super().ended(self._with_phase(attempt), None)

    async def _next_segment(self) -> Journal:
        """Unlike a segment that is sealed at once, the full one keeps the attempts that it began;
        and so nothing is repeated, and nobody waits for the disk."""
        fresh = await self._offload(self._journal.following)
        full, self._journal = self._journal, fresh
        return full

    async def _segment_filled(self, full: Journal) -> None:
        await self._offload(full.close)
        self._full.append((full.name, full.path))

    async def seal_rest(self, offload: Offload) -> None:
        for name, path in self._full if self._run.seals else ():
            await offload(partial(seal, self._run.path, name, path))
        await super().seal_rest(offload)
