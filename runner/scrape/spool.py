"""Pages as they came, packed, with when they came: to be understood once the run is over.

To understand a page of thousands of lines takes milliseconds, in which a request that is due would
wait. So a frame is appended here for each: when it came, how long it is, and the page as zstd.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from backports import zstd

from headrace.jobs import InputError, write_all

from ..record import storage

LEVEL = 1
PAGE_BYTES_MAX = 4 * 1024 * 1024
SPOOL_BYTES_MAX = 4 * 1024 * 1024 * 1024
_HEAD = struct.Struct("<dI")


class SpooledPage(NamedTuple):
    """A page; `at_s` is when it came, on trio's clock."""

    at_s: float
    page: bytes


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

    def append(self, at_s: float, packed: bytes) -> None:
        """Add a page that is packed already. Raises StorageError."""
        with storage(self.path):
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                self._file = os.open(self.path, flags, self._mode)
            frame = _HEAD.pack(at_s, len(packed)) + packed
            self._size_bytes += len(frame)
            write_all(self._file, frame)

    def close(self) -> None:
        """Close the file, which stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def pack(page: bytes) -> bytes:
    """A page as it is appended."""
    return zstd.compress(page, level=LEVEL)


def spooled_pages(path: Path) -> Iterator[SpooledPage]:
    """The pages in their order, up to one that is torn. Raises OSError."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            at_s, size_bytes = _HEAD.unpack(head)
            packed = file.read(size_bytes)
            if len(packed) < size_bytes:
                return
            yield SpooledPage(at_s, _unpacked(packed, path))


def _unpacked(packed: bytes, path: Path) -> bytes:
    try:
        return zstd.ZstdDecompressor().decompress(packed, max_length=PAGE_BYTES_MAX)
    except zstd.ZstdError as error:
        raise InputError(f"{path} is damaged ({error}); remove it") from error
