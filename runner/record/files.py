"""Writing files so that a crash leaves the old one or the new one, never half of either.

Everything that a run writes goes through here or through the journal, by plain calls of `os`.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StorageError

# What the file system says once a directory is no longer where it was.
GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Whatever the file system refuses becomes a StorageError that names the path."""
    try:
        yield
    except OSError as error:
        if error.errno in GONE:
            what_now = "was it moved or removed? Put it back, and the same command goes on"
        else:
            what_now = (
                "what was recorded so far is kept, and the same command goes on once it can be "
                "written to"
            )
        raise StorageError(f"cannot write {path}: {error.strerror or error}; {what_now}") from error


def sync_directory(path: Path) -> None:
    """Make renames and removals in a directory last through a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory where there is none, and have it last through a power loss."""
    path.mkdir(exist_ok=True)
    # Also where it was there: a crash may have come between the two.
    sync_directory(path.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`: the kernel may take it in pieces."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside `path`, sync it, and put it in the place of `path`. Raises StorageError.

    What the disk refused leaves nothing beside: the room may be what the journal needs.
    """
    beside = path.with_name(path.name + ".partial")
    with storage(path):
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(beside, path)
            sync_directory(path.parent)
        except OSError:
            with suppress(OSError):
                os.unlink(beside)
            raise
