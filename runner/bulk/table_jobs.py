"""A run of a table: its jobs are made in the run directory before the run, and made again only
where the table, the recipe or the selection is another."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from headrace.jobs import (
    LEFT_OUT,
    MADE_JOBS,
    SPOOLED,
    Dataset,
    Manifest,
    Recipe,
    Selection,
    open_source,
)

from ..errors import RunDirectoryError
from ..record import claimed, read_manifest


class TableJobs(NamedTuple):
    """What jobs are made of.

    Args:
        data: the table, `-` for standard input.
        recipe: how a row becomes a job.
        selection: which rows do.
        images_from: the directory that images are below; None is the table's own.
    """

    data: str
    recipe: Recipe
    selection: Selection = Selection()
    images_from: str | None = None


class MadeJobs(NamedTuple):
    """The job file that was made, and what run.json says of it."""

    path: str
    dataset: Dataset
    recipe: Recipe


def make_run_jobs(
    directory: Path, source: TableJobs, *, anew: bool = False, share: bool = False
) -> MadeJobs:
    """Make the jobs of a run, in its directory, which may not be there yet.

    Args:
        directory: the run directory.
        source: what they are made of.
        anew: also where nothing says that they are others now: images are not looked at.
        share: whether others may read the directory, as the umask says.

    Raises:
        InputError: no job can be made of a row; nothing has been sent then.
        RunDirectoryError: the directory is not one for this, or another process works on it.
    """
    from headrace.jobs import made_jobs, open_table, place_jobs, spool

    made = directory / MADE_JOBS
    with claimed(directory, share=share):
        fresh = not (directory / "run.json").exists()
        try:
            kept = directory / SPOOLED
            if source.data == "-":
                spool(kept)
            table = open_table(str(kept) if source.data == "-" else source.data)
            dataset = Dataset(
                path=source.data,
                digest=table.digest(),
                selection=source.selection,
                images_from=source.images_from,
            )
            known = read_manifest(directory)
            if known is not None and known.dataset is None:
                raise RunDirectoryError(
                    f"{directory} is the run of a job file; choose another --out"
                )
            if known is not None and known.recipe == source.recipe and not anew:
                before = known.dataset
                if before is not None and _same(before, dataset) and _is_of(made, known):
                    return MadeJobs(str(made), before, source.recipe)
            jobs = made_jobs(table, source.recipe, source.selection, images_from=source.images_from)
            placed = place_jobs(made, directory / LEFT_OUT, jobs)
        except BaseException:
            if fresh:
                _leave_nothing(directory)
            raise
    return MadeJobs(str(made), _with(dataset, moved=placed.moved), source.recipe)


def _same(before: Dataset, now: Dataset) -> bool:
    """Whether both would make the same jobs. What is not a local file may have changed."""
    return now.digest is not None and before == _with(now, moved=before.moved)


def _is_of(made: Path, known: Manifest) -> bool:
    """Whether the job file that is there is the one that run.json tells of."""
    if not made.exists():
        return False
    with open_source(str(made)) as source:
        now, before = source.identity, known.job_file
    return before is not None and (now.size_bytes, now.digest) == (before.size_bytes, before.digest)


def _with(dataset: Dataset, *, moved: bool) -> Dataset:
    return Dataset(
        path=dataset.path,
        digest=dataset.digest,
        selection=dataset.selection,
        images_from=dataset.images_from,
        moved=moved,
    )


def _leave_nothing(directory: Path) -> None:
    """Take away what a start that failed had put there; where there is anything else it stays."""
    for name in (SPOOLED, SPOOLED + ".partial"):
        with suppress(OSError):
            os.unlink(directory / name)
    with suppress(OSError):
        os.rmdir(directory)
