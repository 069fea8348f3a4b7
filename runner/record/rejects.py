"""rejects.jsonl: the lines that were no jobs, with the reason for each."""

from pathlib import Path
from typing import BinaryIO

import msgspec

from jobs import Reject

from .files import storage


class RejectsFile:
    """Written afresh by each session, since each reads the job file from its first line.

    The file is there only where something was rejected.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        with storage(path):
            path.unlink(missing_ok=True)

    def append(self, reject: Reject) -> None:
        """Write one line. Raises StorageError."""
        with storage(self._path):
            if self._file is None:
                self._file = self._path.open("wb", buffering=0)
            self._file.write(msgspec.json.encode(reject) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
