"""rejects.jsonl: the lines that were no jobs, with the reason for each."""

import os
from pathlib import Path

import msgspec

from jobs import Reject

from .files import storage, write_all


class RejectsFile:
    """Written afresh by each session, since each reads the job file from its first line.

    The file is there only where something was rejected.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        with storage(path):
            path.unlink(missing_ok=True)

    def append(self, reject: Reject) -> None:
        """Write one line. Raises StorageError."""
        with storage(self._path):
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                self._descriptor = os.open(self._path, flags, 0o644)
            write_all(self._descriptor, msgspec.json.encode(reject) + b"\n")

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
