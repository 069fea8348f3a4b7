"""Files that a command leaves: there whole, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from headrace import jobs
from headrace.jobs import RUN_FILES, InputError


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise InputError where a file would be overwritten that nobody said to."""
    if path.is_dir():
        raise InputError(f"{path} is a directory; name a file")
    if path.exists() and not force:
        raise InputError(f"{path} is there already; name another file, or give --force")


def refuse_within(run: Path, path: Path) -> None:
    """Raise InputError where a file would stand among those that a run is read from.

    Args:
        run: its directory; beside its own files others may stand.
        path: of the file.
    """
    whole, directory = path.resolve(), run.resolve()
    own = whole.parent == directory and whole.name in RUN_FILES
    if own or directory in whole.parent.parents:
        raise InputError(f"{path} would stand among the files of the run; name one elsewhere")


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` to write to; it takes the place of `path` when the block ends well.

    Raises InputError where the file system refuses.
    """
    try:
        with jobs.whole_file(path) as file:
            yield file
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all. Raises InputError."""
    with whole_file(path) as file:
        jobs.write_all(file.fileno(), data)


def remove(path: Path) -> None:
    """Remove a file that need not be there. Raises InputError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot remove {path}: {error.strerror or error}") from error
