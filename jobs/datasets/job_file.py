"""The job file that a table's rows become."""

import os
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
        with whole_file(path) as beside, open(beside, "wb", opener=_no_link) as file:
            for job in jobs:
                file.write(job.line)
                count += 1
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    return count


def _no_link(path: str, flags: int) -> int:
    """Open the file itself, never what a link of its name points to."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
