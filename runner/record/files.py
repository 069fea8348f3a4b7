"""Writing the files of a run, with one error for whatever the disk refuses.

Everything that a run writes goes through here or through the journal, by plain calls of `os`.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace import jobs
from headrace.jobs import sync_directory

from ..errors import RESUME, StorageError

# What the file system says once a directory is no longer where it was.
GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Whatever the file system refuses becomes a StorageError that names the path."""
    try:
        yield
    except OSError as error:
        if error.errno in GONE:
            what_now = f"was it moved or removed? Put it back{RESUME}"
        else:
            what_now = f"what was recorded is kept; make it writable{RESUME}"
        raise StorageError(f"cannot write {path}: {error.strerror or error}; {what_now}") from error


def make_directory(path: Path) -> None:
    """Make a directory where there is none, as open as the one around it, and have it last through
    a power loss."""
    path.mkdir(path.parent.stat().st_mode & 0o777, exist_ok=True)
    if path.is_symlink():
        raise OSError(errno.ELOOP, "a symbolic link is in its place")
    # Also where it was there: a crash may have come between the two.
    sync_directory(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`, whole or not at all. Raises StorageError."""
    with storage(path):
        jobs.replace_file(path, data, mode=file_mode(path.parent))


def file_mode(directory: Path) -> int:
    """How open a new file in a directory is: no more than the directory. The umask comes on top.

    Raises OSError.
    """
    return directory.stat().st_mode & 0o644
