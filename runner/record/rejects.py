"""rejects.jsonl: the lines that were not jobs, with the reason for each."""

import errno
import os
import stat
from pathlib import Path

import msgspec

from headrace.jobs import Reject, write_all

from .files import file_mode, storage


class RejectsFile:
    """Gone through anew by each session, since each reads the job file from its first line.

    What an earlier session wrote stays for as long as this one says the same; where they differ
    this one replaces it. So a session that stops early leaves the file whole. The file is there
    only where something was rejected.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._at_bytes = 0
        self._known_bytes = 0  # of an earlier session's file, while it says the same

    def append(self, reject: Reject) -> None:
        """Say of one line that it is not a job. Raises StorageError."""
        line = msgspec.json.encode(reject) + b"\n"
        with storage(self._path):
            descriptor = self._opened()
            if os.pread(descriptor, len(line), self._at_bytes) != line:
                if self._at_bytes < self._known_bytes:
                    os.ftruncate(descriptor, self._at_bytes)
                    self._known_bytes = self._at_bytes
                write_all(descriptor, line)
            self._at_bytes += len(line)

    def _opened(self) -> int:
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            self._descriptor = os.open(self._path, flags, file_mode(self._path.parent))
            found = os.fstat(self._descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                # What is written here would be written to whatever else has that name.
                raise OSError(errno.EMLINK, "it has another name as well, or is not a file")
            self._known_bytes = found.st_size
        return self._descriptor

    def end(self) -> None:
        """The job file was read to its end: what an earlier session said beyond goes.

        Raises StorageError.
        """
        with storage(self._path):
            if self._at_bytes == 0:
                self._path.unlink(missing_ok=True)
            elif self._at_bytes < self._known_bytes:
                os.ftruncate(self._opened(), self._at_bytes)

    def close(self) -> None:
        """Sync and close. Raises StorageError."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            with storage(self._path):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
