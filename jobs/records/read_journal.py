"""The one reader of the journal: what a crash leaves of it is read, other damage is not guessed at.

A kill tears the line that was being written, and no other: its beginning is there, without a line
end. Its attempt had not left yet (`sent`), or counts as lost (its end). A power failure takes what
was not synced, and may leave zeros in its place, at the end. Anything else is not a crash of ours.
What a damaged line held is not known: an answer that was paid for, or that a request was sent.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..errors import DamagedJournalError
from .journal import Decided, Finished, JournalRecord, SegmentName, Sent, WrittenRecord
from .rows import is_amount

# What a power failure may take of a segment: what is written between two syncs, and much more.
ZEROS_MAX_BYTES = 1024 * 1024

DAMAGE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_decoder: msgspec.json.Decoder[WrittenRecord] = msgspec.json.Decoder(WrittenRecord)


class Gap(NamedTuple):
    """What of a segment can't be read: `lines` from line `first` on, `followed` by whole ones, or
    zeros at its end; the whole of it where there are neither."""

    path: Path
    lines: int = 0
    first: int = 0
    zeros_bytes: int = 0
    followed: bool = False

    @property
    def refusal(self) -> str:
        """What it is, and what the user can do."""
        return (
            f"{self._what}; restore it, or resume with --skip-damaged to leave it out: what it "
            "held may have been paid for, and its jobs are sent again"
        )

    @property
    def words(self) -> str:
        """What it is, and what that means."""
        return f"{self._what}; what was recorded there may have been paid for, and is in no figure"

    @property
    def _what(self) -> str:
        if self.zeros_bytes:
            return (
                f"the last {self.zeros_bytes:,} bytes of {self.path} are zeros, as a power failure "
                "leaves them"
            )
        if not self.lines:
            return f"{self.path} is missing or empty"
        later = " and later ones are not" if self.followed else ""
        if self.lines == 1:
            return f"line {self.first} of {self.path} is damaged{later}"
        return f"{self.lines:,} lines of {self.path} are damaged{later}, from line {self.first} on"


def read_journal_segment(
    path: Path, *, told: Callable[[Gap], None] | None = None, skip_damaged: bool = False
) -> Iterator[JournalRecord]:
    """The records of a segment, oldest first, without what a crash tore off its end.

    Args:
        path: the segment; a run may be appending to it.
        told: of zeros at its end, and of damaged lines that were skipped.
        skip_damaged: leave damaged lines out.

    Raises:
        OSError: it can't be read.
        DamagedJournalError: once all whole lines were yielded, where others are damaged.
    """
    # At once: read line by line, half a record at the end could grow into a second half.
    data = path.read_bytes()
    end = len(data.rstrip(b"\0"))
    zeros_bytes = len(data) - end
    if zeros_bytes > ZEROS_MAX_BYTES:
        end = len(data)
    first = damaged = 0
    followed = False  # damaged lines by a whole one
    for number, line in enumerate(io.BytesIO(data[:end] if zeros_bytes else data), 1):
        try:
            record = _decoder.decode(line)
            if isinstance(record, Sent) and not is_amount(record.cost_bound or Decimal(0)):
                raise msgspec.ValidationError("a bound that has no sum")
        except DAMAGE:
            if line.endswith(b"\n") or not _is_beginning(line):
                first, damaged = first or number, damaged + 1
            continue
        followed = damaged > 0
        # A whole record without its line end was torn just before the newline: it counts.
        yield _whole(record)
    if damaged:
        gap = Gap(path, damaged, first, followed=followed)
        if not skip_damaged:
            raise DamagedJournalError(gap.refusal)
        if told is not None:
            told(gap)
    elif zeros_bytes and told is not None:
        told(Gap(path, zeros_bytes=zeros_bytes))


def _whole(record: WrittenRecord) -> JournalRecord:
    """A record as it is read: with the whole result, vectors as numbers."""
    if isinstance(record, Finished):
        return record.ended()
    return record.whole() if isinstance(record, Decided) else record


def _is_beginning(line: bytes) -> bool:
    """Whether it can be the beginning of a record: the parser then wants more. A number may end
    where no number can, such as `1.`, so it is tried with a digit as well."""
    for tail in (b"", b"0"):
        try:
            _decoder.decode(line + tail)
        except DAMAGE as error:
            if "truncated" in str(error):
                return True
    return False


def missing_segments(directory: Path, names: Iterable[SegmentName]) -> list[Gap]:
    """Which of the segments that a run names are not in its journal, or hold nothing.

    Args:
        directory: the journal.
        names: of the segments that hold what is in no table yet.
    """
    paths = [directory / f"{name}.jsonl" for name in names]
    return [Gap(path) for path in paths if not _holds_something(path)]


def _holds_something(path: Path) -> bool:
    try:
        with path.open("rb") as lines:
            return any(piece.strip(b"\0") for piece in iter(lambda: lines.read(65536), b""))
    except FileNotFoundError:
        return False
