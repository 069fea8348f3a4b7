"""The part of `headrace load` that makes a run several times: --repeats and --against."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headrace.jobs import InputError, counted, is_stream, printable

from ..base_url import base_url_from
from ..clock import wall_now
from ..defaults import KEY_VARIABLE
from ..errors import never_resumed
from ..session import REAL_ENVIRONMENT
from ..settings import key_from
from ..signals import ending_at_signals
from ..stderr import print_err
from .options import LoadOptions, LoadPlan
from .repeats import REPEATS, Against, Repeater
from .start import JudgedLoad, load_and_summarise
from .steps import steps_directory
from .steps_cli import once
from .view import display_on

if TYPE_CHECKING:
    from headrace.reports import Repeat

AGAINST_VARIABLE = f"{KEY_VARIABLE}_AGAINST"


@never_resumed()
def make_repeats(
    options: LoadOptions,
    *,
    repeats: int | None,
    against: str | None,
    against_key_variable: str | None,
    as_json: bool,
) -> None:
    """Make the runs, show the report over all of them, and exit with its code.

    Raises jobs.InputError for what can't be used, before anything is sent.
    """
    from rich.console import Console

    from headrace.reports import print_repeats, repeats_json, report_console

    jobs = options.get("jobs")
    if jobs is not None and is_stream(jobs):
        raise InputError(
            f"--repeats reads --jobs for each run, and {jobs} can be read once; name a file"
        )
    second = against_from(against, against_key_variable)
    given = options.get("out")
    today = wall_now().date()
    out = steps_directory("repeats", today, Path()) if given is None else Path(given)
    # A signal ends the run that is under way, and the report comes; between two it ends them all.
    with ending_at_signals(f"what was measured until then is in {out / 'repeats.json'}") as ending:
        environment = REAL_ENVIRONMENT._replace(announce=once(print_err))

        def run(planned: LoadPlan) -> JudgedLoad:
            ending.check()
            return load_and_summarise(planned, display_on(Console(stderr=True)), environment)

        report = Repeater(
            options,
            None,  # each run reads that of its service
            out,
            repeats=REPEATS if repeats is None else repeats,
            against=second,
            run=run,
            now=wall_now,
            look=lambda found: print_err(said_of(found)),
        )
        found = report.repeat()
    if as_json:
        click.echo(repeats_json(found), nl=False)
    else:
        print_repeats(found, report_console())
    click.get_current_context().exit(report.exit_code)


def against_from(
    url: str | None, variable: str | None, environment: Mapping[str, str] = os.environ
) -> Against | None:
    """The second service and its key, which is never that of the first one unless it is said.

    Raises InputError.
    """
    if url is None:
        if variable is not None:
            raise InputError("--against-key-variable is of --against; give --against URL")
        return None
    name = AGAINST_VARIABLE if variable is None else variable
    if not environment.get(name, "").strip():
        raise InputError(
            f"no key for --against: set {name}"
            + (
                f", or name the variable that has it; --against-key-variable {KEY_VARIABLE} sends "
                "it the same key"
                if variable is None
                else ""
            )
        )
    try:
        key = key_from(environment[name])
    except InputError as error:
        raise InputError(error.message.replace(KEY_VARIABLE, name)) from error
    return Against(base_url_from(url, {}), key)


def said_of(run: "Repeat") -> str:
    """A run in a line."""
    rate = "-" if run.requests_per_s is None else f"{run.requests_per_s:.4g}"
    p95 = "-" if run.latency_p95_s is None else f"{run.latency_p95_s * 1000:,.0f} ms"
    said = f"{printable(Path(run.directory).name)}: {counted(run.requests, 'request')}"
    said += f", {rate}/s answered, latency p95 {p95}"
    return said if run.verdict == "valid" else f"{said} ({run.verdict})"
