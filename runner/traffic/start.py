"""A load run as one call: what the `load` command does, for the command and for other programs."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Unpack

import trio

from headrace import standard_streams
from headrace.jobs import (
    SCHEMA_VERSION,
    InputError,
    LoadFacts,
    Manifest,
    parse_condition,
)

from ..alarm import OpenAlarm, open_alarm
from ..clock import RunClock, wall_now
from ..errors import StorageError
from ..limits import all_open_files
from ..record import RunDirectory, storage
from ..session import REAL_ENVIRONMENT, RunEnvironment, RunOutcome
from .options import LoadOptions, LoadPlan, plan
from .session import LoadSession
from .view import LoadDisplay

if TYPE_CHECKING:
    from headrace.reports import Summary

# Allocations between two looks for cycles: seldom, since a look holds up whatever is due.
GC_THRESHOLD = 200_000
NOT_VALID = 6  # exit code


def load(*, api_key: str | None = None, **options: Unpack[LoadOptions]) -> RunOutcome:
    """Send a shape of traffic, and record and summarise what it met with.

    What the `load` command does, without its display. Blocks until the run has ended.

    Args:
        api_key: default HEADRACE_API_KEY.
        options: as the flags of `headrace load`; see `headrace.LoadOptions`.

    Returns:
        How the run ended; what stopped it is in `exit_code` and `reason`. The exit code is 6 where
        the measurement is not valid: the client was too slow for its figures to be the service's,
        or too little is known to tell.

    Raises:
        InputError: something can't be used; nothing has been sent then.
    """
    planned = plan(options, api_key, wall_now())
    outcome, _ = load_and_summarise(planned)
    return outcome


def load_and_summarise(
    planned: LoadPlan,
    display: LoadDisplay | None = None,
    environment: RunEnvironment = REAL_ENVIRONMENT,
) -> tuple[RunOutcome, "Summary"]:
    """Run, then have `reports` summarise the run, judge the client, and write summary.json.

    Where the disk refused the run's own records, the summary is made but not written.
    """
    from headrace.reports import (  # all that a run asks of it
        request_condition,
        summarise,
        write_summary,
    )

    for text in planned.settings.objectives:
        request_condition(parse_condition(text))
    with _undisturbed():
        outcome = trio.run(run_load, planned, environment, display)
    if outcome.storage_failed:
        try:
            return outcome, summarise(planned.directory)
        except InputError as error:  # the directory is gone, or can't be read either
            raise StorageError(outcome.reason or error.message) from error
    with storage(planned.directory / "summary.json"):
        summary = write_summary(planned.directory)
    return with_validity(outcome, valid=summary.load is None or summary.load.verdict.valid), summary


def with_validity(outcome: RunOutcome, *, valid: bool) -> RunOutcome:
    """The outcome with the exit code of a measurement that is not valid, where it is not: it comes
    before that of failed jobs, and after whatever stopped the run."""
    if valid or outcome.reason is not None:
        return outcome
    return outcome._replace(exit_code=NOT_VALID)


async def run_load(
    planned: LoadPlan,
    environment: RunEnvironment = REAL_ENVIRONMENT,
    display: LoadDisplay | None = None,
    open_alarm: OpenAlarm = open_alarm,
) -> RunOutcome:
    """The run itself, for those who are in trio already; it writes no summary."""
    settings, source, directory = planned
    clock = RunClock(environment.wall)
    fresh = Manifest(
        headrace=version("headrace"),
        schema_version=SCHEMA_VERSION,
        kind="load",
        base_url=settings.base_url,
        anthropic_base_url=settings.anthropic_base_url,
        job_file=source.identity,
        prices=settings.prices,
        load=_facts(planned),
    )
    with RunDirectory.create(directory, fresh, share=settings.share) as run:
        session = LoadSession(
            run, settings, clock, environment, source=source, display=display, open_alarm=open_alarm
        )
        return await session.work()


def _facts(planned: LoadPlan) -> LoadFacts:
    settings, source, _ = planned
    shape = settings.shape
    assert settings.seed is not None
    return LoadFacts(
        shape=shape.kind,
        asked=shape.asked,
        open_loop=shape.open_loop,
        users=shape.users,
        rate_per_s=shape.rate_per_s,
        prompts=source.words,
        model=source.model,
        url=source.url,
        stream=source.stream,
        warmup_s=settings.warmup_s,
        duration_s=settings.duration_s,
        requests=settings.requests,
        concurrency_limit=settings.concurrency,
        objectives=list(settings.objectives),
        client_error_s=settings.client_error_s,
        seed=settings.seed,
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """As many open files as are allowed, and no looks for cycles among what is there already."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)
    try:
        with all_open_files(), standard_streams.unwaiting():
            yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
