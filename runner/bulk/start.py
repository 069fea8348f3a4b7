"""A bulk run as one call: what the `run` command does, for the command and for other programs."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import trio

from headrace.jobs import (
    SCHEMA_VERSION,
    Forecast,
    InputError,
    JobFile,
    JobReader,
    Manifest,
    ModelLimits,
    PriceTable,
    Reject,
    load_prices,
    open_source,
)

from ..clock import RunClock
from ..errors import StorageError
from ..limits import all_open_files
from ..money import wait_for_reset
from ..record import RunDirectory, read_manifest, storage
from ..session import REAL_WORLD, RunOutcome, World
from ..settings import RunSettings, base_url_from, default_run_directory, headers_from, key_from
from .changes import ChangedLine, changed_lines, refuse
from .forecast import forecast_file
from .progress import Watch
from .session import BulkSession

if TYPE_CHECKING:
    from headrace.reports import Summary


def run(
    jobs: str | Path,
    *,
    out: str | Path | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    prices: str | Path | None = None,
    rpm: int | None = 60,
    tpm: int | None = 100_000,
    own_limits: Mapping[str, ModelLimits] | None = None,
    concurrency: int | None = None,
    attempts: int = 6,
    deadline_s: float = 24 * 3600.0,
    outage_s: float = 30 * 60.0,
    grace_s: float = 30.0,
    headers: Mapping[str, str] | None = None,
    http2: bool = False,
    strict: bool = False,
    estimate_first: bool = False,
    max_cost: Decimal | None = None,
    retry_failed: bool = False,
    rerun_changed: bool = False,
    yes: bool = False,
    wait_for_reset: bool = False,
    download: bool = False,
) -> RunOutcome:
    """Run a file of jobs to its end, or go on where an earlier run of it stopped.

    What the `run` command does, without its display: results, attempts and balance in Parquet, and
    `summary.json`, in `out` (default: the job file's name with `.run`). `base_url` and `api_key`
    default to HEADRACE_BASE_URL and HEADRACE_API_KEY; `rpm`, `tpm` None is no limit, and models in
    `own_limits` have those instead; `concurrency` None lets the run find it; `prices` is a TOML
    file. `outage_s` is how long the service may fail before the run stops, `grace_s` how long an
    interrupt lets what is in flight finish; `headers` go with each job. `strict` refuses a file
    with bad lines, `estimate_first` reads all of it before anything is sent. `max_cost`, in the
    currency of the prices, is what the computed cost never exceeds; `yes` lets the run spend more
    than the balance seems to have; `retry_failed` runs the failed jobs of an earlier run again,
    `rerun_changed` those whose line has changed; `wait_for_reset` sleeps until a spent budget of
    the key has its reset; `download` fetches pictures that come as links into the run's `images/`.

    Raises jobs.InputError for what can't be used, before anything is sent. What stops a run under
    way is in the outcome's `exit_code` and `reason`. Blocks until the run has ended.
    """
    settings = RunSettings(
        base_url=base_url_from(base_url),
        key=key_from(api_key),
        prices=None if prices is None else load_prices(Path(prices)),
        rpm=rpm,
        tpm=tpm,
        own_limits=own_limits or {},
        concurrency=concurrency,
        attempts=attempts,
        deadline_s=deadline_s,
        outage_s=outage_s,
        grace_s=grace_s,
        headers=headers_from(tuple(f"{name}: {value}" for name, value in (headers or {}).items())),
        http2=http2,
        strict=strict,
        estimate_first=estimate_first,
        max_cost=max_cost,
        retry_failed=retry_failed,
        rerun_changed=rerun_changed,
        yes=yes,
        wait_for_reset=wait_for_reset,
        download=download,
    )
    directory = default_run_directory(str(jobs)) if out is None else Path(out)
    outcome, _ = run_and_summarise(str(jobs), directory, settings)
    return outcome


def run_and_summarise(
    jobs: str,
    directory: Path,
    settings: RunSettings,
    watch: Watch | None = None,
    foretell: Callable[[Forecast], None] | None = None,
    announce: Callable[[str], None] | None = None,
) -> tuple[RunOutcome, "Summary"]:
    """Run, then have `reports` summarise the run and write summary.json.

    Where the disk refused the run's own records, the summary is made but not written.
    """
    from headrace.reports import (  # the one thing that a run asks of another room
        summarise,
        write_summary,
    )

    world = REAL_WORLD._replace(foretell=foretell, announce=announce)
    with all_open_files():
        outcome = trio.run(run_jobs, jobs, directory, settings, world, watch)
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
    world: World = REAL_WORLD,
    watch: Watch | None = None,
) -> RunOutcome:
    """The run itself, for those who are in trio already; it writes no summary. `watch` shows its
    progress until it is cancelled."""
    prices = _prices(directory, settings)
    if settings.strict:
        _refuse_bad_lines(jobs, settings, prices)
    if settings.estimate_first:
        if jobs == "-":
            raise InputError("--estimate-first reads the file twice, which standard input can't be")
        forecast = forecast_file(jobs, prices=prices, limits=settings.limits)
        if world.foretell is not None:
            world.foretell(forecast)
    if settings.wait_for_reset and jobs == "-":
        raise InputError("--wait-for-reset reads the file again, which standard input can't be")
    waits = settings.wait_for_reset and world.stop is None  # a stop serves one session
    earlier: RunOutcome | None = None
    while True:
        outcome = await _session(jobs, directory, settings, world, watch)
        # Where a reset let nothing leave, the next won't either.
        idle = earlier is not None and (outcome.settled, outcome.cost) == (
            earlier.settled,
            earlier.cost,
        )
        if outcome.resets_at is None or not waits or idle:
            return outcome
        earlier = outcome
        interrupt = await wait_for_reset(
            outcome.resets_at, wall=world.wall, announce=world.announce
        )
        if interrupt is not None:
            return outcome._replace(exit_code=interrupt.exit_code, reason=interrupt.message)
        # What was asked for once is done: the next session only goes on.
        settings = msgspec.structs.replace(settings, retry_failed=False)


async def _session(
    jobs: str, directory: Path, settings: RunSettings, world: World, watch: Watch | None
) -> RunOutcome:
    """One session: the directory opened, the jobs run, the books closed."""
    clock = RunClock(world.wall)
    with open_source(jobs) as source:
        fresh = _manifest(settings, source.identity)
        with RunDirectory.open(directory, fresh) as run_directory:
            changed: list[ChangedLine] = []
            if run_directory.file_changed:
                changed = await world.read(lambda: changed_lines(jobs, directory))
                if not settings.rerun_changed:
                    refuse(jobs, changed)
            session = BulkSession(
                run_directory,
                settings,
                clock,
                world,
                source=source,
                changed=[each.line - 1 for each in changed],
                watch=watch,
            )
            return await session.work()


def _prices(directory: Path, settings: RunSettings) -> PriceTable | None:
    """The run's prices: given now, or when it began. Raises InputError where a cap lacks them."""
    known = None if settings.prices is not None else read_manifest(directory)
    prices = settings.prices if known is None else known.prices
    if settings.max_cost is not None and prices is None:
        raise InputError("--max-cost needs prices: give --prices FILE")
    return prices


def _refuse_bad_lines(jobs: str, settings: RunSettings, prices: PriceTable | None) -> None:
    """Read the whole file and refuse it where any line is no job (--strict)."""
    if jobs == "-":
        raise InputError("--strict reads the file twice, which standard input can't be")
    with open_source(jobs) as source:
        bounded_by = prices if settings.max_cost is not None else None
        items = JobReader(
            source, tpm=settings.tpm, own_limits=settings.own_limits, bounded_by=bounded_by
        )
        # Without their texts: a file of a few GB may be nothing but bad lines.
        bad = [f"  line {each.line}: {each.reason}" for each in items if isinstance(each, Reject)]
    if bad:
        lines = "\n".join(bad)
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
