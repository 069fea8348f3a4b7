"""The part of `headrace load` that makes several runs: --sweep and --find."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headrace.jobs import InputError, counted, is_stream, printable

from ..clock import wall_now
from ..errors import never_resumed
from ..session import REAL_ENVIRONMENT, RunOutcome
from ..signals import ending_at_signals
from ..stderr import print_err
from .options import LoadOptions, LoadPlan
from .start import load_and_summarise
from .steps import Search, Stepper, parse_loads, parse_search, steps_directory
from .view import display_on

if TYPE_CHECKING:
    from headrace.reports import Step


@never_resumed()
def make_steps(
    options: LoadOptions,
    *,
    sweep: str | None,
    find: str | None,
    precision: float,
    highest: str | None,
    as_json: bool,
) -> None:
    """Make the steps, show the report over all of them, and exit with its code.

    Raises jobs.InputError for what can't be used, before anything is sent.
    """
    from rich.console import Console

    from headrace.reports import print_steps, report_console, steps_json

    kind, search = _asked(options, sweep, find, precision, highest)
    today = wall_now().date()
    given = options.get("out")
    out = steps_directory(kind, today, Path()) if given is None else Path(given)
    # A signal ends the step that is under way, and the report comes; between two it ends them all.
    with ending_at_signals(f"what was measured until then is in {out / 'steps.json'}") as ending:
        environment = REAL_ENVIRONMENT._replace(announce=once(print_err))

        def run(planned: LoadPlan) -> RunOutcome:
            ending.check()
            display = display_on(Console(stderr=True))
            return load_and_summarise(planned, display, environment).outcome

        stepper = Stepper(
            {**options, "rate": None, "users": None},
            None,  # each step reads that of its service
            out,
            kind="sweep" if search is None else "find",
            run=run,
            now=wall_now,
            look=lambda step: print_err(_said(step)),
        )
        report = stepper.sweep(parse_loads(sweep or "")) if search is None else stepper.find(search)
    if as_json:
        click.echo(steps_json(report), nl=False)
    else:
        print_steps(report, report_console())
    click.get_current_context().exit(stepper.exit_code)


def once(announce: Callable[[str], None]) -> Callable[[str], None]:
    """Tell each thing once, however many steps find it."""
    told: set[str] = set()

    def tell(words: str) -> None:
        if words not in told:
            told.add(words)
            announce(words)

    return tell


def _asked(
    options: LoadOptions, sweep: str | None, find: str | None, precision: float, highest: str | None
) -> tuple[str, Search | None]:
    rate, users = options.get("rate"), options.get("users")
    shapes = {
        "--users": users if sweep is not None else None,
        "--stages": options.get("stages"),
        "--replay": options.get("replay"),
    }
    flag = "--find" if find is not None else "--sweep"
    if sweep is not None and find is not None:
        raise InputError("--sweep and --find are two things; give one")
    if find is not None and users is not None and rate is not None:
        raise InputError("a search begins at --rate or at --users; leave out one of them")
    given = [name for name, value in shapes.items() if value is not None]
    if sweep is not None and rate is not None:
        given.append("--rate")
    jobs = options.get("jobs")
    if jobs is not None and is_stream(jobs):
        raise InputError(
            f"{flag} reads --jobs for each step, and {jobs} can be read once; name a file"
        )
    if options.get("require"):
        raise InputError(
            f"--require judges one run, and {flag} makes several; leave it out, or judge the run "
            "of a step by headrace gate RUN --require"
        )
    if given:
        raise InputError(f"{flag} sets the loads itself; leave out {' and '.join(given)}")
    if find is None:
        parse_loads(sweep or "")
        return "sweep", None
    return "find", parse_search(find, first=rate, precision=precision, highest=highest, users=users)


def _said(step: "Step") -> str:
    """A step in a line."""
    rate = "-" if step.requests_per_s is None else f"{step.requests_per_s:.4g}"
    p95 = "-" if step.latency_p95_s is None else f"{step.latency_p95_s * 1000:,.0f} ms"
    said = f"{printable(step.asked)}: {counted(step.requests, 'request')}"
    said += f", {rate}/s answered, latency p95 {p95}"
    if step.certainty is not None:
        said += f", objective {step.certainty}"
    return said if step.verdict == "valid" else f"{said} ({step.verdict})"
