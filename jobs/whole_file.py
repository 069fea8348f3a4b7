"""Writing files so that a crash leaves the old one or the new one, never half of either."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path, *, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A file beside `path` to write to, which takes its place when the block ends well.

    It is always a new one: what a crash left in its place is removed, and so is a link, so that
    nothing is ever written to where one leads. What was written is synced first, and the directory
    after it. Where the block or the disk fails, nothing is left beside: the room may be what others
    need.

    Args:
        path: of the file, which may be there.
        mode: who may do what with it; the umask comes on top.

    Raises:
        OSError: the file system refuses.
    """
    beside = path.with_name(path.name + ".partial")
    descriptor = _new_file(beside, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    sync_directory(path.parent)


def _new_file(path: Path, mode: int) -> int:
    """A file that was not there before, opened for writing. Neither a link's target nor a file that
    has another name as well is touched."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, mode)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, mode)


def replace_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file, whole or not at all.

    Args:
        path: of the file, which may be there.
        data: all that it holds afterwards.
        mode: who may do what with it; the umask comes on top.

    Raises:
        OSError: the old file is there as it was.
    """
    with whole_file(path, mode=mode) as file:
        write_all(file.fileno(), data)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the bytes, which the kernel may take in pieces.

    Args:
        descriptor: of the open file.
        data: what is written.

    Raises:
        OSError: some of it may be written.
    """
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def sync_directory(path: Path) -> None:
    """Make renames and removals in a directory last through a power loss. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
