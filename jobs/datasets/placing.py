"""The job file of a run whose jobs are made of a table: each id has the line that it always had.

A run knows its jobs by their lines. At first a job's line is its `job_index`, and the lines of rows
that are not chosen are blank. Where the table, the recipe or the selection is another now, an id
keeps its line; a new one gets its own where that was never used, or else one at the end; and the
line of an id that is gone stays blank: the id is in the list of those left out, and its results
count no more.
"""

import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

import msgspec

from ..errors import InputError
from ..files import SeenIds
from ..records import LeftOut, read_left_out
from ..whole_file import replace_file, whole_file
from .make import MadeJob


class Placed(NamedTuple):
    """What was written.

    Args:
        jobs: how many.
        moved: whether any stands at another line than its `job_index`.
    """

    jobs: int
    moved: bool


class _Id(msgspec.Struct):
    custom_id: str


_decode_id = msgspec.json.Decoder(_Id).decode


def place_jobs(path: Path, left_out: Path, jobs: Iterable[MadeJob]) -> Placed:
    """Write the job file of a run, whole or not at all, and the list of ids that are left out.

    Args:
        path: of the job file; ids that it has keep their lines.
        left_out: the list, which is there only where there are any.
        jobs: made of the table as it is now.

    Raises:
        InputError: a row can't become a job, or a file can't be read or written.
    """
    try:
        if not path.exists():
            return _first(path, jobs)
        return _again(path, left_out, jobs)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _first(path: Path, jobs: Iterable[MadeJob]) -> Placed:
    count = end = 0
    with whole_file(path, mode=0o600) as file:
        for job in jobs:
            file.write(b"\n" * (job.job_index - end) + job.line)
            end = job.job_index + 1
            count += 1
    return Placed(count, moved=False)


def _again(path: Path, left_out: Path, jobs: Iterable[MadeJob]) -> Placed:
    before = _Before(path, read_left_out(left_out))
    loose = path.with_name(path.name + ".loose")
    loose.unlink(missing_ok=True)  # of a session that was killed, or of somebody else
    try:
        with open(loose, "w+b", opener=_own) as kept:
            lines = _kept(kept, jobs, before)
            gone = before.gone()
            # First the list, then the file: at no time does a result count that should not.
            _write_left_out(left_out, gone)
            with whole_file(path, mode=0o600) as file:
                lines.write_in_order(kept, file)
    finally:
        loose.unlink(missing_ok=True)
    return Placed(len(lines), moved=lines.moved)


class _Before:
    """The ids that have lines already, and which of them are taken up again."""

    def __init__(self, path: Path, left_out: Iterable[LeftOut]) -> None:
        self._path = path
        self._left_out = list(left_out)
        self._ids = SeenIds()
        self.taken = bytearray()
        self.used = bytearray()
        for index, custom_id in self._all():
            if self._ids.add(custom_id, index + 1):
                _mark(self.taken, index)

    def _all(self) -> Iterator[tuple[int, str]]:
        with self._path.open("rb") as lines:
            for index, line in enumerate(lines):
                if line != b"\n":
                    yield index, _decode_id(line).custom_id
        for each in self._left_out:
            yield each.index, each.custom_id

    def line_of(self, job: MadeJob) -> int | None:
        """The line of a job; None for one at the end."""
        known = self._ids.line_of(job.custom_id)
        index = job.job_index if known is None else known - 1
        if known is None and index < len(self.taken) and self.taken[index]:
            return None
        _mark(self.used, index)
        return index

    def gone(self) -> list[LeftOut]:
        """The ids whose lines nothing has taken up."""
        found = {}
        for index, custom_id in self._all():
            if index >= len(self.used) or not self.used[index]:
                found[index] = LeftOut(index, custom_id)
        return list(found.values())


class _Lines:
    """Where each line stands in a loose file, and at which index it belongs."""

    def __init__(self) -> None:
        self.indexes = array("q")
        self.ends = array("q", [0])
        self.moved = False

    def __len__(self) -> int:
        return len(self.indexes)

    def write_in_order(self, kept: BinaryIO, file: IO[bytes]) -> None:
        """Write the lines by their indexes, and blank ones between."""
        end = 0
        for n in sorted(range(len(self)), key=self.indexes.__getitem__):
            kept.seek(self.ends[n])
            file.write(b"\n" * (self.indexes[n] - end) + kept.read(self.ends[n + 1] - self.ends[n]))
            end = self.indexes[n] + 1


def _kept(kept: BinaryIO, jobs: Iterable[MadeJob], before: _Before) -> _Lines:
    """Write the lines as they come, and find where they belong."""
    lines, last = _Lines(), array("q")
    for job in jobs:
        index = before.line_of(job)
        if index is None:
            last.append(len(lines))
        lines.indexes.append(-1 if index is None else index)
        lines.moved |= index != job.job_index
        lines.ends.append(lines.ends[-1] + len(job.line))
        kept.write(job.line)
    end = max(len(before.taken), len(before.used))
    for at, n in enumerate(last, end):
        lines.indexes[n] = at
    return lines


def _write_left_out(path: Path, gone: list[LeftOut]) -> None:
    if gone or path.exists():
        replace_file(path, b"".join(msgspec.json.encode(each) + b"\n" for each in gone))


def _mark(flags: bytearray, index: int) -> None:
    flags.extend(bytes(max(0, index + 1 - len(flags))))
    flags[index] = 1


def _own(path: str, flags: int) -> int:
    """Make a new file, whatever its name led to, for its owner alone."""
    return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW, 0o600)
