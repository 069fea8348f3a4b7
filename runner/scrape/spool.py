"""Pages as they came, packed, with when they came: to be understood once the run is over.

To understand a page of thousands of lines takes milliseconds, in which a request that is due would
wait. So a frame is appended here for each (`jobs.server_pages` has what it is).
"""

import os
from datetime import datetime
from pathlib import Path

from headrace.jobs import page_frame, write_all

from ..record import storage

SPOOL_BYTES_MAX = 4 * 1024 * 1024 * 1024


class Spool:
    """A file of this run alone, which is made with the first page. Whoever makes it closes it."""

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        self._mode = mode
        self._file: int | None = None
        self._size_bytes = 0

    @property
    def full(self) -> bool:
        """Whether no more goes in."""
        return self._size_bytes >= SPOOL_BYTES_MAX

    def append(self, at: datetime, packed: bytes) -> None:
        """Add a page that is packed already. Raises StorageError."""
        with storage(self.path):
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                self._file = os.open(self.path, flags, self._mode)
            frame = page_frame(at, packed)
            self._size_bytes += len(frame)
            write_all(self._file, frame)

    def close(self) -> None:
        """Close the file, which stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
