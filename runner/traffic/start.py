"""A load run as one call: what the `load` command does, for the command and for other programs."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple, Unpack

import trio

from headrace import standard_streams
from headrace.jobs import (
    SCHEMA_VERSION,
    Expression,
    InputError,
    LoadFacts,
    Manifest,
    Name,
    parse_condition,
    walk_nodes,
)

from ..alarm import OpenAlarm, open_alarm
from ..clock import RunClock, wall_now
from ..cluster import machines_of
from ..errors import StorageError, never_resumed
from ..limits import all_open_files
from ..metrics import metrics_beside
from ..record import RunDirectory, storage
from ..session import REAL_ENVIRONMENT, RunEnvironment, RunOutcome
from .machine import freeze_garbage
from .metrics import load_figures
from .option_files import packed
from .options import LoadOptions, LoadPlan, plan
from .session import LoadSession
from .settings import LoadSettings
from .view import LoadDisplay
from .worker_count import workers_of, workers_on_machines

if TYPE_CHECKING:
    from headrace.reports import GateReport, Summary

    from ..cluster import ClusterMachines
    from ..workers import OpenWorkers

NOT_VALID = 6  # exit codes
NOT_MET = 4


class JudgedLoad(NamedTuple):
    """A load run that has ended, its summary, and the judgement by what it must meet; None where
    it must meet nothing, or its records can't be read."""

    outcome: RunOutcome
    summary: "Summary"
    gate: "GateReport | None"


def load(*, api_key: str | None = None, **options: Unpack[LoadOptions]) -> RunOutcome:
    """Send a shape of traffic, and record and summarise what it met with.

    What the `load` command does, without its display. Blocks until the run has ended.

    Args:
        api_key: default HEADRACE_API_KEY.
        options: as the flags of `headrace load`; see `headrace.LoadOptions`.

    Returns:
        How the run ended; what stopped it is in `exit_code` and `reason`. The exit code is 6 where
        the measurement is not valid: the client was too slow for its figures to be the service's,
        or too little is known to tell; else 4 where `require` is not met, and else 1 where
        requests failed and nothing in `require` speaks of that.

    Raises:
        InputError: something can't be used; nothing has been sent then.
    """
    planned = plan(options, api_key, wall_now())
    return load_and_summarise(planned).outcome


@never_resumed()
def load_and_summarise(
    planned: LoadPlan,
    display: LoadDisplay | None = None,
    environment: RunEnvironment = REAL_ENVIRONMENT,
) -> JudgedLoad:
    """Run, then have `reports` summarise the run, judge the client and then the run, and write
    summary.json.

    Where the disk refused the run's own records, the summary is made but not written.
    """
    from headrace.reports import (  # all that a run asks of it
        judge_run,
        judges_failures,
        request_condition,
        summarise,
        write_summary,
    )

    for text in planned.settings.objectives:
        request_condition(parse_condition(text))
    required = [requirement(text) for text in planned.settings.require]
    with _undisturbed():
        outcome = trio.run(run_load, planned, environment, display)
    if outcome.storage_failed:
        try:
            return JudgedLoad(outcome, summarise(planned.directory), None)
        except InputError as error:  # the directory is gone, or can't be read either
            raise StorageError(outcome.reason or error.message) from error
    with storage(planned.directory / "summary.json"):
        summary = write_summary(planned.directory)
    valid = summary.load is None or summary.load.verdict.valid
    gate = None
    if required:
        gate = judge_run(planned.directory, required, unclear=planned.settings.unclear)
    outcome = judged(
        outcome,
        valid=valid,
        met=gate is None or gate.met,
        failures_judged=judges_failures(required),
    )
    return JudgedLoad(outcome, summary, gate)


def judged(
    outcome: RunOutcome, *, valid: bool, met: bool, failures_judged: bool = False
) -> RunOutcome:
    """The outcome with the exit code of its judgement, the first that applies: what stopped the
    run, a measurement that is not valid, what is not met, and failures that nothing judges."""
    if outcome.reason is not None:
        return outcome
    if not valid:
        return outcome._replace(exit_code=NOT_VALID)
    if not met:
        return outcome._replace(exit_code=NOT_MET)
    if failures_judged:  # lines that are not jobs are another thing
        return outcome._replace(exit_code=int(outcome.rejected > 0))
    return outcome


def requirement(text: str, *, with_base: bool = False) -> Expression:
    """What the run must meet, `base` being another service's runs where there are such.

    Raises ExpressionError where it has no meaning for a load run.
    """
    from headrace.reports import check_objective

    expression = parse_condition(text)
    for node in walk_nodes(expression.root):
        if isinstance(node, Name) and node.name == "base" and not with_base:
            said = "no run stands beside this one; judge it by headrace gate RUN --base RUN"
            raise expression.mistake(node, said)
    check_objective(expression, with_base=with_base)
    return expression


async def run_load(
    planned: LoadPlan,
    environment: RunEnvironment = REAL_ENVIRONMENT,
    display: LoadDisplay | None = None,
    open_alarm: OpenAlarm = open_alarm,
    open_workers: "OpenWorkers | None" = None,
) -> RunOutcome:
    """The run itself, for those who are in trio already; it writes no summary. `open_workers` opens
    what sends where several processes do; None starts them."""
    async with machines_of(planned.settings.cluster) as machines:
        return await _run_load(planned, environment, display, open_alarm, open_workers, machines)


async def _run_load(
    planned: LoadPlan,
    environment: RunEnvironment,
    display: LoadDisplay | None,
    open_alarm: OpenAlarm,
    open_workers: "OpenWorkers | None",
    machines: "ClusterMachines | None",
) -> RunOutcome:
    settings, source, directory, asked = planned
    clock = RunClock(environment.wall)
    workers = 1 if machines is not None else workers_of(settings, environment.announce)
    fresh = Manifest(
        headrace=version("headrace"),
        schema_version=SCHEMA_VERSION,
        kind="load",
        base_url=settings.base_url if settings.service is None else None,
        anthropic_base_url=settings.anthropic_base_url if settings.service is None else None,
        services=settings.service_records,
        job_file=source.identity,
        prices=settings.prices,
        load=_facts(planned),
    )
    with (
        metrics_beside(display, settings.metrics, load_figures, environment.announce) as shown,
        RunDirectory.create(directory, fresh, share=settings.share) as run,
    ):
        kind: Callable[..., LoadSession] = LoadSession
        if machines is not None:
            asked = {**asked, "base_url": settings.base_urls._asdict()}
            workers = workers_on_machines(settings, machines)
            kind = _coordinator(asked, workers, _on_machines(machines, planned, run, environment))
        elif workers > 1:
            kind = _coordinator(asked, workers, open_workers or _processes(settings, run))
        session = kind(
            run, settings, clock, environment, source=source, display=shown, open_alarm=open_alarm
        )
        return await session.work()


def _processes(settings: LoadSettings, run: RunDirectory) -> "OpenWorkers":
    from ..workers import WorkerProcesses

    assert run.lock is not None
    return WorkerProcesses(settings.key, run.lock)


def _on_machines(
    machines: "ClusterMachines", planned: LoadPlan, run: RunDirectory, environment: RunEnvironment
) -> "OpenWorkers":
    return partial(
        machines.workers,
        run=run,
        grace_s=planned.settings.grace_s,
        files=packed(planned.asked),
        offload=environment.offload,
    )


def _coordinator(
    asked: LoadOptions, workers: int, open_workers: "OpenWorkers"
) -> Callable[..., LoadSession]:
    from .coordinator import LoadCoordinator  # loaded where there are workers

    return partial(LoadCoordinator, asked=asked, workers=workers, open_workers=open_workers)


def _facts(planned: LoadPlan) -> LoadFacts:
    settings, source, *_ = planned
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
        cancel_share=None if settings.cancel is None else settings.cancel.share,
        cancel_after_s=None if settings.cancel is None else settings.cancel.after_s,
        cost_per_hour=settings.cost_per_hour,
        seed=settings.seed,
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """As many open files as are allowed, and no looks for cycles among what is there already."""
    thresholds = gc.get_threshold()
    freeze_garbage()
    try:
        with all_open_files(), standard_streams.unwaiting():
            yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
