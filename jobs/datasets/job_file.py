"""The job file that a table's rows become."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..whole_file import whole_file
from .make import MadeJob


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
