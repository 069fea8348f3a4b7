"""A small file that the user named: settings, prices, objectives."""

import errno
import os
import select
import stat
from pathlib import Path

GIVEN_BYTES_MAX = 64 * 1024 * 1024
PIECE_BYTES = 64 * 1024


def read_given(path: Path, *, most_bytes: int = GIVEN_BYTES_MAX) -> bytes:
    """The whole of a file, or of what a shell puts in its place: `<(...)`, /dev/stdin.

    A FIFO that nobody writes to is empty, where to open it would be to wait for ever.

    Args:
        path: of the file; links are followed.
        most_bytes: what it may hold.

    Raises:
        OSError: it is not there, can't be read, is a device or is larger; `strerror` says so.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "its name holds a NUL")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind) or os.isatty(descriptor)):
            raise OSError(errno.EINVAL, "it is a device, not a file")
        data = b""
        while piece := _piece(descriptor):
            data += piece
            if len(data) > most_bytes:
                raise OSError(errno.EFBIG, f"it is larger than {most_bytes:,} bytes")
        return data
    finally:
        os.close(descriptor)


def _piece(descriptor: int) -> bytes:
    while True:
        try:
            return os.read(descriptor, PIECE_BYTES)
        except BlockingIOError:  # somebody has it open to write
            select.select([descriptor], [], [])
