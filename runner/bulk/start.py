"""A bulk run as one call: what the `run` command does, for the command and for other programs."""

from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import msgspec
import trio

from headrace import standard_streams
from headrace.jobs import (
    SCHEMA_VERSION,
    Forecast,
    InputError,
    JobFile,
    Manifest,
    PriceTable,
    Recipe,
    Reject,
    Selection,
    counted,
    form_of,
    is_stream,
    open_source,
)

from ..clock import RunClock
from ..cluster import machines_of
from ..errors import StorageError
from ..limits import all_open_files
from ..machine_limits import check_memory_for
from ..metrics import metrics_beside
from ..money import wait_for_reset
from ..options import RunOptions
from ..record import RunDirectory, read_manifest, storage
from ..session import REAL_ENVIRONMENT, RunEnvironment, RunOutcome
from ..settings import (
    RunSettings,
    cap_without_prices,
    default_run_directory,
    settings_from,
)
from .changes import ChangedLine, changed_lines, refuse
from .forecast import forecast_file
from .metrics import run_figures
from .open_reader import PricesOf, forecaster_of, reader_of
from .progress import Display
from .session import BulkSession
from .table_jobs import MadeJobs, TableJobs, make_run_jobs

if TYPE_CHECKING:
    from headrace.reports import Summary

    from ..cluster import ClusterMachines
    from ..worker_command import StartedWorker
    from ..workers import OpenWorkers


def run(
    jobs: str | Path,
    *,
    out: str | Path | None = None,
    api_key: str | None = None,
    recipe: str | Path | None = None,
    where: str | None = None,
    sample: int | None = None,
    sample_seed: int = 0,
    limit: int | None = None,
    images_from: str | Path | None = None,
    **options: Unpack[RunOptions],
) -> RunOutcome:
    """Run a file of jobs to its end, or resume where an earlier run of it stopped.

    What the `run` command does, without its display: results, attempts and balance in Parquet, and
    `summary.json`. Blocks until the run has ended.

    Args:
        jobs: the job file, or with a `recipe` the table.
        out: the run directory; default the job file's name with `.run`.
        api_key: default HEADRACE_API_KEY.
        recipe: the TOML file that says how a row of the table is asked.
        where: which rows are chosen, as a condition in SQL.
        sample: how many of these are drawn by chance.
        sample_seed: what they are drawn by.
        limit: how many of these are taken from the beginning.
        images_from: the directory that images of a table are below; default the table's own.
        options: as the flags of `headrace run`; see `headrace.RunOptions`.

    Returns:
        How the run ended; what stopped it is in `exit_code` and `reason`.

    Raises:
        InputError: something can't be used; nothing has been sent then.
    """
    settings = settings_from(RunSettings, api_key, **options)
    named = None if recipe is None else str(recipe)
    directory = default_run_directory(str(jobs), recipe=named) if out is None else Path(out)
    table = None
    if recipe is not None:
        from headrace.jobs import read_recipe

        chosen = Selection(where=where, sample=sample, seed=sample_seed, limit=limit)
        images = None if images_from is None else str(images_from)
        table = TableJobs(str(jobs), read_recipe(Path(recipe)), chosen, images)
    outcome, _ = run_and_summarise(str(jobs), directory, settings, table=table)
    return outcome


def run_and_summarise(
    jobs: str,
    directory: Path,
    settings: RunSettings,
    display: Display | None = None,
    show_estimate: Callable[[Forecast], None] | None = None,
    announce: Callable[[str], None] | None = None,
    table: TableJobs | None = None,
    started: "list[StartedWorker] | None" = None,
) -> tuple[RunOutcome, "Summary"]:
    """Run, then have `reports` summarise the run and write summary.json.

    With a `table` its jobs are made first, and `jobs` is only what the user called it. Workers that
    were `started` already are taken out of that first.
    Where the disk refused the run's own records, the summary is made but not written.
    """
    from headrace.reports import (  # the one thing that a run asks of another room
        summarise,
        write_summary,
    )

    _refuse_reasks(settings, None if table is None else table.recipe)
    environment = REAL_ENVIRONMENT._replace(announce=announce)
    made = None
    if table is not None:
        made = make_run_jobs(directory, table, anew=settings.rerun_changed, share=settings.share)
        jobs = made.path
    with all_open_files(), standard_streams.unwaiting():
        outcome = trio.run(
            partial(run_jobs, made=made, started=started),
            jobs,
            directory,
            settings,
            environment,
            display,
            show_estimate,
        )
    if outcome.storage_failed:
        try:
            return outcome, summarise(directory)
        except InputError as error:  # the directory is gone, or can't be read either
            raise StorageError(outcome.reason or error.message) from error
    with storage(directory / "summary.json"):
        return outcome, write_summary(directory)


async def run_jobs(
    jobs: str,
    directory: Path,
    settings: RunSettings,
    environment: RunEnvironment = REAL_ENVIRONMENT,
    display: Display | None = None,
    show_estimate: Callable[[Forecast], None] | None = None,
    made: MadeJobs | None = None,
    open_workers: "OpenWorkers | None" = None,
    started: "list[StartedWorker] | None" = None,
) -> RunOutcome:
    """The run itself, for those who are in trio already; it writes no summary.

    Args:
        jobs: the job file, `-` for standard input.
        directory: the run directory.
        settings: of the run.
        environment: what it touches outside its directory.
        display: shows its progress, until it is cancelled.
        show_estimate: told what `estimate_first` found.
        made: what the job file was made of, where it was.
        open_workers: opens what sends where several processes do; None starts them.
        started: processes that are there already, which are taken out of it first.

    Returns:
        How the run ended; what stopped it is in `exit_code` and `reason`.

    Raises:
        InputError: something can't be used; nothing has been sent then.
        StorageError: the directory can't be recovered or written to.
    """
    _refuse_reasks(settings, None if made is None else made.recipe)
    prices_of = _prices_of(directory, settings)
    if settings.strict:
        _refuse_bad_lines(jobs, settings, prices_of)
    if settings.estimate_first:
        _refuse_stream(jobs, "--estimate-first reads the file twice")
        forecast = forecast_file(
            jobs,
            forecaster_of(settings, prices_of),
            reader_of=reader_of(settings, prices_of, bounded=False),
            dedupe=settings.dedupe,
        )
        if show_estimate is not None:
            show_estimate(forecast)
    if settings.wait_for_reset:
        _refuse_stream(jobs, "--wait-for-reset reads the file again")
    _refuse_files_elsewhere(settings)
    if settings.cluster is None and open_workers is None:
        check_memory_for(settings.workers - len(started or ()))
    with metrics_beside(display, settings.metrics, run_figures, environment.announce) as shown:
        async with machines_of(settings.cluster) as machines:
            session = partial(
                _session,
                jobs=jobs,
                directory=directory,
                environment=environment,
                display=shown,
                made=made,
                open_workers=open_workers,
                started=started,
                machines=machines,
            )
            return await _sessions(session, settings, environment)


async def _sessions(
    session: Callable[[RunSettings], Awaitable[RunOutcome]],
    settings: RunSettings,
    environment: RunEnvironment,
) -> RunOutcome:
    """A session, and where the run waits for resets one more after each."""
    waits = settings.wait_for_reset and environment.stop is None  # a stop serves one session
    earlier: RunOutcome | None = None
    while True:
        outcome = await session(settings)
        # Where a reset let nothing leave, the next won't either.
        idle = earlier is not None and (outcome.finished, outcome.cost) == (
            earlier.finished,
            earlier.cost,
        )
        if outcome.resets_at is None or not waits or idle:
            return outcome
        earlier = outcome
        interrupt = await wait_for_reset(
            outcome.resets_at, wall=environment.wall, announce=environment.announce
        )
        if interrupt is not None:
            return outcome._replace(exit_code=interrupt.exit_code, reason=interrupt.message)
        # What was asked for once is done: the next session only resumes.
        settings = msgspec.structs.replace(settings, retry_failed=False)


async def _session(
    settings: RunSettings,
    *,
    jobs: str,
    directory: Path,
    environment: RunEnvironment,
    display: Display | None,
    made: MadeJobs | None,
    open_workers: "OpenWorkers | None",
    started: "list[StartedWorker] | None",
    machines: "ClusterMachines | None",
) -> RunOutcome:
    """One session: the directory opened, the jobs run, the books closed."""
    clock = RunClock(environment.wall)
    with open_source(jobs) as source:
        form_of(source)  # a fault of the whole file is told before there is a directory
        fresh = _manifest(settings, source.identity, made)
        with RunDirectory.open(
            directory,
            fresh,
            share=settings.share,
            left_out=() if settings.services is None else settings.services.left_out,
            announce=environment.announce,
        ) as run_directory:
            if run_directory.manifest.sessions:
                await environment.read(lambda: _check_whole(run_directory))
            changed: list[ChangedLine] = []
            if run_directory.file_changed:
                changed = await environment.read(lambda: changed_lines(jobs, directory))
                if not settings.rerun_changed:
                    refuse(jobs if made is None else made.dataset.path, changed)
            kind = _session_kind(
                settings, run_directory, environment, open_workers, machines, started
            )
            session = kind(
                run_directory,
                settings,
                clock,
                environment,
                source=source,
                changed=[each.line - 1 for each in changed],
                display=display,
            )
            return await session.work()


def _refuse_files_elsewhere(settings: RunSettings) -> None:
    """What workers leave beside their journals stays on their machines."""
    if settings.cluster is not None and settings.download:
        raise InputError("--download keeps images here, and --cluster sends from elsewhere")


def _session_kind(
    settings: RunSettings,
    run: RunDirectory,
    environment: RunEnvironment,
    open_workers: "OpenWorkers | None",
    machines: "ClusterMachines | None",
    started: "list[StartedWorker] | None",
) -> Callable[..., BulkSession]:
    """What makes the session: one that sends itself, or has workers send."""
    workers = settings.workers
    if machines is not None:
        workers = machines.workers_for(workers, auto=settings.auto_workers)
        open_workers = partial(
            machines.workers,
            run=run,
            grace_s=settings.grace_s,
            files={},
            offload=environment.offload,
        )
    elif settings.services is not None:
        from .services_session import ServicesSession  # loaded where there are services

        return ServicesSession
    elif workers == 1:
        return BulkSession
    from ..workers import WorkerProcesses  # loaded where there are workers
    from .coordinator import BulkCoordinator

    if open_workers is None:
        assert run.lock is not None
        open_workers = WorkerProcesses(settings.key, run.lock, early=started)
    return partial(BulkCoordinator, workers=workers, open_workers=open_workers)


def _check_whole(directory: RunDirectory) -> None:
    from headrace.reports import check_whole

    check_whole(directory.path, directory.manifest)


def _prices_of(directory: Path, settings: RunSettings) -> PricesOf:
    """The prices of each service: given now, or when the run began. Raises InputError where a cap
    lacks them."""
    services = settings.services
    known = None if settings.prices is not None and services is None else read_manifest(directory)

    def prices_of(name: str | None) -> PriceTable | None:
        own = None if services is None else services.own_prices(name)
        before = None if known is None else known.prices_of(name)
        return own or settings.prices or before

    names = [None] if services is None else [each.name for each in services.each]
    for name in names:
        if settings.max_cost is not None and prices_of(name) is None:
            raise cap_without_prices(name)
    return prices_of


def _refuse_bad_lines(jobs: str, settings: RunSettings, prices_of: PricesOf) -> None:
    """Read the whole file and refuse it where any line is not a job (--strict)."""
    _refuse_stream(jobs, "--strict reads the file twice")
    with open_source(jobs) as source:
        bounded = settings.max_cost is not None
        items = reader_of(settings, prices_of, bounded=bounded)(source)
        # Without their texts: a file of a few GB may be nothing but bad lines.
        bad = [f"  line {each.line}: {each.reason}" for each in items if isinstance(each, Reject)]
    if bad:
        raise InputError(
            f"{jobs} has {counted(len(bad), 'bad line')}, and nothing was sent:", details=bad
        )


def _refuse_reasks(settings: RunSettings, recipe: Recipe | None) -> None:
    if settings.reask and (recipe is None or recipe.schema is None):
        raise InputError(
            "--reask asks again where an answer does not fit a schema: give --recipe, with a "
            "schema in it"
        )


def _refuse_stream(jobs: str, why: str) -> None:
    if is_stream(jobs):
        what = "standard input" if jobs == "-" else "a pipe"
        raise InputError(f"{why}, which {what} can't be")


def _manifest(settings: RunSettings, identity: JobFile, made: MadeJobs | None) -> Manifest:
    return Manifest(
        headrace=version("headrace"),
        schema_version=SCHEMA_VERSION,
        kind="bulk",
        base_url=settings.base_url or None,
        anthropic_base_url=settings.anthropic_base_url,
        services=settings.service_records,
        job_file=identity,
        dataset=None if made is None else made.dataset,
        recipe=None if made is None else made.recipe,
        prices=settings.prices,
    )
