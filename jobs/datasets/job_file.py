"""The job file that a table's rows become."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..whole_file import whole_file
from .make import MadeJob

# Where the first line of a job file has its id by then.
LOOKED_AT_BYTES = 64 * 1024


def check_out(path: Path) -> None:
    """Refuse to write jobs in the place of a file that holds none: an earlier job file is replaced,
    as one makes it again after a change. Raises InputError."""
    try:
        if not path.is_file():
            return  # what else is there, nothing takes the place of
        with path.open("rb") as file:
            begin = file.read(LOOKED_AT_BYTES).lstrip()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    if begin and not (begin.startswith(b"{") and b'"custom_id"' in begin):
        raise InputError(f"{path} is there and is not a job file; name another, or remove it")


def write_job_file(path: Path, jobs: Iterable[MadeJob]) -> int:
    """Write jobs to a file, whole or not at all, one per line.

    Args:
        path: of the file, which is replaced where it is there.
        jobs: its lines.

    Returns:
        How many there were.

    Raises:
        InputError: a row can't become a job, or the file can't be written.
    """
    count = 0
    try:
        with whole_file(path) as file:
            for job in jobs:
                file.write(job.line)
                count += 1
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    return count
