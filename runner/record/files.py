"""Writing files so that a crash leaves the old one or the new one, never half of either."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StorageError


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Whatever the file system refuses becomes a StorageError that names the path."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; what was recorded so far is kept, "
            "and the same command goes on once there is room"
        ) from error


def sync_directory(path: Path) -> None:
    """Make renames and removals in a directory last through a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, sync it, and put it in the place of `path`."""
    beside = path.with_name(path.name + ".partial")
    with storage(path):
        write(beside)
        descriptor = os.open(beside, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside.replace(path)
        sync_directory(path.parent)


def replace_bytes(path: Path, data: bytes) -> None:
    """`replace_file` with these bytes."""

    def write(beside: Path) -> None:
        beside.write_bytes(data)

    replace_file(path, write)
