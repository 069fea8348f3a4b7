"""The journal's records, one JSON object per line, and the files that hold them.

A run that was killed is read back from these and from the Parquet parts. Each process that sends
for a run writes segments of its own, whose names bear its number.
"""

import re
from array import array
from decimal import Decimal
from pathlib import Path
from typing import Annotated, NamedTuple, Self

import msgspec

from .job_end import JobEnd
from .rows import Attempt, AttemptNumber, BalanceReading, Index, Moment, Reask, Result
from .vectors import as_vector, floats_of


class Sent(msgspec.Struct, frozen=True, kw_only=True, tag="sent", omit_defaults=True):
    """Written before an attempt's first byte leaves; without an end after it, the attempt is lost.

    `reserved_tokens` is what the limiter set aside for it, `cost_bound` the most that it can cost.
    `reopened` says that the job has a result already, which the next one replaces.
    """

    index: Index
    custom_id: str
    model: str
    url: str
    attempt: AttemptNumber
    due_at: Moment
    sent_at: Moment
    reserved_tokens: int = 0
    cost_bound: Decimal | None = None
    reopened: bool = False
    service: str | None = None

    def lost(self) -> Attempt:
        """The row of an attempt that never ended: it may have been billed."""
        return Attempt(
            index=self.index,
            custom_id=self.custom_id,
            model=self.model,
            url=self.url,
            attempt=self.attempt,
            due_at=self.due_at,
            sent_at=self.sent_at,
            wait_s=(self.sent_at - self.due_at).total_seconds(),
            error_kind="lost",
            cost_bound=self.cost_bound,
            service=self.service,
        )


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended", omit_defaults=True):
    """The end of an attempt, and with it the job's result where this attempt decided it.

    Earlier versions wrote the result here too; this one writes `Finished`, and reads it as this.
    `reask` is the answer, where it did not fit and its job is asked again.
    """

    attempt: Attempt
    result: Result | None = None
    reask: Reask | None = None


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag="finished"):
    """The end of an attempt that decided its job, as it is written."""

    attempt: Attempt
    job: JobEnd

    def ended(self) -> Ended:
        """The same with the whole result."""
        return Ended(attempt=self.attempt, result=self.job.result(self.attempt))


class BalanceRead(msgspec.Struct, frozen=True, kw_only=True, tag="balance"):
    """One reading of the balance."""

    reading: BalanceReading


class Decided(msgspec.Struct, frozen=True, kw_only=True, tag="decided", omit_defaults=True):
    """A result that no attempt of this session decided. `replaces` says that the job has one
    already, whose place this one takes: its images are files by now. Its vectors stand beside it,
    as in a `JobEnd`."""

    result: Result
    replaces: bool = False
    vectors: list[bytes] | None = None

    @classmethod
    def of(cls, result: Result, *, replaces: bool) -> Self:
        """The record of a result."""
        if result.vectors is None:
            return cls(result=result, replaces=replaces)
        vectors = [as_vector(array("f", each)) for each in result.vectors]
        bare = msgspec.structs.replace(result, vectors=None)
        return cls(result=bare, replaces=replaces, vectors=vectors)

    def whole(self) -> "Decided":
        """The same with the vectors in the result."""
        if self.vectors is None:
            return self
        floats = [floats_of(each).tolist() for each in self.vectors]
        result = msgspec.structs.replace(self.result, vectors=floats)
        return Decided(result=result, replaces=self.replaces)


JournalRecord = Sent | Ended | BalanceRead | Decided
WrittenRecord = JournalRecord | Finished


_NAME = re.compile(r"(?:w([0-9]{2,6})-)?([0-9]{1,12})", re.ASCII)
# As run.json names a segment of a worker; one of the run's own process is a number there.
WorkersSegment = Annotated[str, msgspec.Meta(pattern=r"^w[0-9]{2,6}-[0-9]{1,12}$")]


class SegmentName(NamedTuple):
    """What a segment and the parts that are made of it are called.

    `number` counts from 1 over all sessions of a run; `writer` is the number of the worker that
    wrote it, 0 for the process that holds the run.
    """

    number: int
    writer: int = 0

    @classmethod
    def read(cls, text: str) -> "SegmentName | None":
        """Of `000007` or `w03-000007`; None where it is neither."""
        found = _NAME.fullmatch(text)
        return None if found is None else cls(int(found[2]), int(found[1] or 0))

    @classmethod
    def noted_as(cls, noted: int | str) -> "SegmentName":
        """Of what run.json says."""
        name = cls.read(noted) if isinstance(noted, str) else cls(noted)
        assert name is not None  # the decoder has seen to it
        return name

    @property
    def noted(self) -> int | str:
        """For run.json."""
        return str(self) if self.writer else self.number

    def __str__(self) -> str:
        return f"w{self.writer:02}-{self.number:06}" if self.writer else f"{self.number:06}"


def journal_segments(directory: Path) -> list[tuple[SegmentName, Path]]:
    """The segments in a journal directory with their names, oldest first."""
    return numbered_files(directory, "", ".jsonl")


def numbered_files(directory: Path, prefix: str, ending: str) -> list[tuple[SegmentName, Path]]:
    """The files that bear a number; what else somebody put there is left out.

    Args:
        directory: where they are; it may not be there.
        prefix: what stands before the writer and the number.
        ending: what stands behind them.

    Returns:
        Names and paths, by number and then by writer.
    """
    found = []
    for path in directory.glob(f"{prefix}*{ending}"):
        name = SegmentName.read(path.name.removeprefix(prefix).removesuffix(ending))
        if name is not None:
            found.append((name, path))
    return sorted(found)
