"""A bulk run as one call: what the `run` command does, for the command and for other programs."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from jobs import (
    SCHEMA_VERSION,
    InputError,
    JobFile,
    Manifest,
    Reject,
    load_prices,
    open_source,
    read_jobs,
)

from .clock import RunClock
from .record import RunDirectory, storage
from .session import REAL_WORLD, BulkSession, RunOutcome, Watch, World
from .settings import RunSettings, base_url_from, default_run_directory, key_from

if TYPE_CHECKING:
    from reports import Summary


def run(
    jobs: str | Path,
    *,
    out: str | Path | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    prices: str | Path | None = None,
    rpm: int | None = 60,
    tpm: int | None = 100_000,
    concurrency: int | None = None,
    attempts: int = 6,
    deadline_s: float = 24 * 3600.0,
    strict: bool = False,
) -> RunOutcome:
    """Run a file of jobs to its end, or go on where an earlier run of it stopped.

    What the `run` command does, without its display: results, attempts and balance in Parquet, and
    `summary.json`, in `out` (default: the job file's name with `.run`). `base_url` and `api_key`
    default to HEADRACE_BASE_URL and HEADRACE_API_KEY; `rpm`, `tpm` None is no limit and
    `concurrency` None lets the run find it; `prices` is a TOML file.

    Raises jobs.InputError for what can't be used, before anything is sent. What stops a run under
    way is in the outcome's `exit_code` and `reason`. Blocks until the run has ended.
    """
    settings = RunSettings(
        base_url=base_url_from(base_url),
        key=key_from(api_key),
        prices=None if prices is None else load_prices(Path(prices)),
        rpm=rpm,
        tpm=tpm,
        concurrency=concurrency,
        attempts=attempts,
        deadline_s=deadline_s,
        strict=strict,
    )
    directory = default_run_directory(str(jobs)) if out is None else Path(out)
    outcome, _ = run_and_summarise(str(jobs), directory, settings)
    return outcome


def run_and_summarise(
    jobs: str, directory: Path, settings: RunSettings, watch: Watch | None = None
) -> tuple[RunOutcome, "Summary"]:
    """Run, then have `reports` summarise the run and write summary.json.

    Where the disk refused the run's own records, the summary is made but not written.
    """
    from reports import summarise, write_summary  # the one thing that a run asks of another room

    outcome = trio.run(run_jobs, jobs, directory, settings, REAL_WORLD._replace(watch=watch))
    if outcome.storage_failed:
        return outcome, summarise(directory)
    with storage(directory / "summary.json"):
        return outcome, write_summary(directory)


async def run_jobs(
    jobs: str, directory: Path, settings: RunSettings, world: World = REAL_WORLD
) -> RunOutcome:
    """The run itself, for those who are in trio already; it writes no summary."""
    if settings.strict:
        _refuse_bad_lines(jobs, settings.tpm)
    clock = RunClock(world.wall)
    with open_source(jobs) as source:
        fresh = _manifest(settings, source.identity)
        with RunDirectory.open(directory, fresh) as run_directory:
            session = BulkSession(run_directory, settings, clock, world)
            return await session.work(source)


def _refuse_bad_lines(jobs: str, tpm: int | None) -> None:
    """Read the whole file and refuse it where any line is no job (--strict)."""
    if jobs == "-":
        raise InputError("--strict reads the file twice, which standard input can't be")
    with open_source(jobs) as source:
        bad = [item for item in read_jobs(source, tpm=tpm) if isinstance(item, Reject)]
    if bad:
        lines = "\n".join(f"  line {reject.line}: {reject.reason}" for reject in bad)
        raise InputError(f"{jobs} has {len(bad)} bad lines, and nothing was sent:\n{lines}")


def _manifest(settings: RunSettings, identity: JobFile) -> Manifest:
    return Manifest(
        headrace=version("headrace"),
        schema_version=SCHEMA_VERSION,
        kind="bulk",
        base_url=settings.base_url,
        job_file=identity,
        prices=settings.prices,
    )
