"""`--dedupe`: of jobs that ask the same, the first is sent, and its outcome is given to the others.

The others, its copies, wait in a file that is gone with the process: each session finds them anew.
They get what became of the first once nothing is sent any more, failures too.
"""

import re
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

import msgspec

from headrace.jobs import Job, Result, SeenIds, Status

from ..offload import Offload
from ..record import Recorder, RecoveredState, results_at

# The samples of a question ask the same, and are not the same job.
SAMPLE = re.compile(r"-s([0-9]+)$")
# So many copies are given their results at a time: what is read for them is in memory.
COPIES_AT_ONCE = 1000


class EqualJobs:
    """Tells which of the jobs that ask the same is the first; they come in the file's order."""

    def __init__(self) -> None:
        self._seen = SeenIds()

    def first_of(self, job: Job) -> int:
        """The index of the first job that asks the same as this one: its own, perhaps."""
        sample = SAMPLE.search(job.custom_id)
        key = f"{job.url} {job.body_digest} {sample[1] if sample else ''}"
        if self._seen.add(key, job.index + 1):
            return job.index
        line: int | None = self._seen.line_of(key)
        assert line is not None
        return line - 1


class _Copy(msgspec.Struct, frozen=True, array_like=True):
    """A job that waits for another one's result."""

    index: int
    first: int
    custom_id: str
    replaces: Status | None
    metadata: str | None
    expected: str | None


class Copies:
    """The copies of a session. Whoever makes it closes it.

    Args:
        state: where the run stood when the session began.
    """

    def __init__(self, state: RecoveredState) -> None:
        self._state = state
        self._equal = EqualJobs()
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self.waiting = 0

    def close(self) -> None:
        """Forget those that wait."""
        self._file.close()

    def take(self, job: Job) -> bool:
        """Whether a job is the copy of another one, and needs no sending.

        To be asked once about each job, in the file's order, also where it has a result.
        """
        first = self._equal.first_of(job)
        if first == job.index:
            return False
        state = self._state
        if not state.has_result(job.index):
            copy = _Copy(
                index=job.index,
                first=first,
                custom_id=job.custom_id,
                replaces=state.replaced(job.index),
                metadata=job.metadata,
                expected=job.expected,
            )
            self._file.write(msgspec.json.encode(copy) + b"\n")
            self.waiting += 1
        return True

    async def give(self, run: Path, recorder: Recorder, read: Offload) -> None:
        """Record the results of all copies whose first has one.

        Args:
            run: the run directory.
            recorder: of the session.
            read: for what may block.

        Raises:
            StorageError: the disk refuses.
        """
        copies = self._all()
        while some := list(islice(copies, COPIES_AT_ONCE)):
            indexes = {copy.first for copy in some}
            results = await read(partial(results_at, run, indexes))
            for copy in some:
                if (first := results.get(copy.first)) is not None:
                    recorder.decided(_result(copy, first), replaces=copy.replaces)
                    self.waiting -= 1
            await recorder.sync()

    def _all(self) -> Iterator[_Copy]:
        self._file.seek(0)
        decode = msgspec.json.Decoder(_Copy).decode
        return map(decode, self._file)


def _result(copy: _Copy, first: Result) -> Result:
    """What a copy came to: the outcome of the first, which alone took time, tokens and money."""
    return Result(
        index=copy.index,
        custom_id=copy.custom_id,
        url=first.url,
        model=first.model,
        status=first.status,
        http_status=first.http_status,
        error_code=first.error_code,
        error_message=first.error_message,
        request_id=first.request_id,
        finish_reason=first.finish_reason,
        text=first.text,
        response=first.response,
        attempts=0,
        vectors=first.vectors,
        copy_of=first.copy_of or first.custom_id,
        cost=Decimal(0),
        currency=first.currency,
        service=first.service,
        body_digest=first.body_digest,
        metadata=copy.metadata,
        expected=copy.expected,
    )
