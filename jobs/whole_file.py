"""Writing files so that a crash leaves the old one or the new one, never half of either."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place when the block ends well.

    What was written is synced first, and the directory after it. Where the block or the disk fails,
    nothing is left beside: the room may be what others need.

    Raises:
        OSError: the file system refuses.
    """
    beside = path.with_name(path.name + ".partial")
    try:
        yield beside
        _sync(beside)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    sync_directory(path.parent)


def replace_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file, whole or not at all.

    Args:
        path: of the file, which may be there.
        data: all that it holds afterwards.
        mode: who may do what with it; the umask comes on top.

    Raises:
        OSError: the old file is there as it was.
    """
    with whole_file(path) as beside:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)


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
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
