"""The journal: an append-only file of JSON lines in segments, each sealed into Parquet in its turn.

A record is in the kernel's hands when `append` returns, so a kill -9 can't take it back; `sync`
makes all that was appended last through a power loss.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from headrace.jobs import (
    DamagedJournalError,
    Gap,
    JournalRecord,
    SegmentName,
    WrittenRecord,
    journal_segments,
    read_journal_segment,
    sync_directory,
    write_all,
)

from ..errors import StorageError
from .files import file_mode, storage

_encoder = msgspec.json.Encoder()


class Journal:
    """The segment that is written now. A `name` is never used twice in a run.

    Any thread may append; one record is written after the other.
    """

    def __init__(self, directory: Path, name: SegmentName) -> None:
        self.name = name
        self.path = directory / f"{name}.jsonl"
        self.bytes_written = 0
        self.dirty = False  # whether a record is not synced yet
        self._torn = False
        self._writing = threading.Lock()
        with storage(self.path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._descriptor = os.open(self.path, flags, file_mode(directory))
            try:
                sync_directory(directory)
            except OSError:
                os.close(self._descriptor)
                raise

    def following(self) -> "Journal":
        """The next segment of this writer, opened; this one stays as it is. Raises StorageError."""
        number, writer = self.name
        return Journal(self.path.parent, SegmentName(number + 1, writer))

    def append(self, record: WrittenRecord) -> None:
        """Write one record. Raises StorageError, and leaves no part of the record behind."""
        line = _encoder.encode(record) + b"\n"
        with self._writing:
            if self._torn:
                with storage(self.path):
                    self._cut()  # or this record would be glued to what is left of another
            try:
                write_all(self._descriptor, line)
            except OSError:
                self._torn = True
                with suppress(OSError):
                    self._cut()
                with storage(self.path):
                    raise
            self.bytes_written += len(line)
            self.dirty = True

    def _cut(self) -> None:
        """Take back what was written of a record that the disk refused."""
        os.ftruncate(self._descriptor, self.bytes_written)
        self._torn = False

    def sync(self) -> None:
        """Make every record that was appended last; free where nothing is new.

        Raises StorageError, also where the file is no longer what its path names: one that was
        removed takes records as before, and nobody will ever read them.
        """
        if self.dirty:
            self.dirty = False
            with storage(self.path):
                ours, there = os.fstat(self._descriptor), os.stat(self.path)
                if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Sync and close, once what is being written is; the file stays until it is sealed."""
        with self._writing:
            try:
                self.sync()
            finally:
                os.close(self._descriptor)


def journalled(run: Path) -> Iterator[JournalRecord]:
    """All that a run has in its journal now, oldest first, as far as it can be read: whether the
    run may continue with damage is for `recover` to say."""
    for _, path in journal_segments(run / "journal"):
        yield from read_segment(path, skip_damaged=True)


def read_segment(
    path: Path, *, told: Callable[[Gap], None] | None = None, skip_damaged: bool = False
) -> Iterator[JournalRecord]:
    """The records of a segment. What a crash tore off its end is left out.

    `told` and `skip_damaged` are those of `read_journal_segment`. Raises StorageError where it
    can't be read, and where it has damage that is not a crash of ours: to continue could send what
    was answered.
    """
    try:
        yield from read_journal_segment(path, told=told, skip_damaged=skip_damaged)
    except DamagedJournalError as error:
        raise StorageError(error.message) from error
    except OSError as error:
        raise StorageError(f"{path} can't be read ({error.strerror}); restore it") from error
