"""server.spool: pages as they came, each after when it came and how long it is, as zstd.

A run appends to it and understands it at its end. A run that was killed leaves it, and then it is
all that there is: so it is dated by the wall clock, and what is torn at its end is left out.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from backports import zstd

from ..errors import InputError

LEVEL = 1
PAGE_BYTES_MAX = 4 * 1024 * 1024
# More than a page a second for months, and than what pages are packed by: it is made to harm.
PAGES_MAX = 10_000_000
RATIO_MAX = 1_000
FREE_BYTES = 256 * 1024 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_HEAD = struct.Struct("<qI")


class SpooledPage(NamedTuple):
    """A page, and when it came."""

    at: datetime
    page: bytes


def packed_page(page: bytes) -> bytes:
    """A page as its frame has it."""
    return zstd.compress(page, level=LEVEL)


def page_frame(at: datetime, packed: bytes) -> bytes:
    """What is appended for a page.

    Args:
        at: when it came.
        packed: the page, as `packed_page` makes it.
    """
    return _HEAD.pack((at - EPOCH) // MICROSECOND, len(packed)) + packed


def spooled_pages(path: Path) -> Iterator[SpooledPage]:
    """The pages in their order, up to one that is torn.

    Raises:
        InputError: a page is damaged, or they unpack to far more than any run keeps.
        OSError: it can't be read.
    """
    pages = stored_bytes = unpacked_bytes = 0
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            at_us, size_bytes = _HEAD.unpack(head)
            packed = file.read(min(size_bytes, PAGE_BYTES_MAX + 1))
            if len(packed) < size_bytes <= PAGE_BYTES_MAX:
                return
            page = _unpacked(packed, path)
            pages, stored_bytes = pages + 1, stored_bytes + len(packed)
            unpacked_bytes += len(page)
            if pages > PAGES_MAX or unpacked_bytes > max(FREE_BYTES, RATIO_MAX * stored_bytes):
                raise InputError(f"{path} unpacks to more than any run keeps; remove it")
            yield SpooledPage(_moment(at_us, path), page)


def _moment(at_us: int, path: Path) -> datetime:
    try:
        return EPOCH + at_us * MICROSECOND
    except OverflowError as error:
        raise InputError(f"{path} is damaged (a page has no date); remove it") from error


def _unpacked(packed: bytes, path: Path) -> bytes:
    try:
        if len(packed) <= PAGE_BYTES_MAX:
            return zstd.ZstdDecompressor().decompress(packed, max_length=PAGE_BYTES_MAX)
    except zstd.ZstdError as error:
        raise InputError(f"{path} is damaged ({error}); remove it") from error
    raise InputError(f"{path} is damaged (a page is too long); remove it")
