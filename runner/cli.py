"""The commands of this room. They parse, build typed settings and call the library."""

import sys
from collections.abc import Callable
from functools import partial
from textwrap import indent
from typing import TYPE_CHECKING, Any, Literal

import click

from headrace.service_flag import SERVICE
from headrace.table_flags import selection_flags

from .defaults import BULK, DEADLINE_S, OUTAGE_S
from .params import BASE_URL, send_flags, time_flag
from .service_flags import chosen_services
from .stderr import print_err

if TYPE_CHECKING:
    from headrace.reports import GateReport, Summary

    from .bulk import Display, TableJobs
    from .services import ChosenServices
    from .worker_command import StartedWorker


@click.command()
@click.argument("jobs", metavar="JOBS")
@click.option("--out", metavar="RUN", help="Run directory.  [default: JOBS with .run]")
@click.option("--recipe", metavar="R.toml", help="JOBS is a table; this says how a row is asked.")
@selection_flags
@send_flags(BULK, concurrency="auto", text="Attempts in flight.")
@SERVICE
@time_flag("--deadline", DEADLINE_S, text="For each job.")
@time_flag("--outage", OUTAGE_S, text="How long the service may fail before the run stops.")
@time_flag("--grace", BULK.grace_s, text="How long Ctrl-C lets what is in flight finish.")
@click.option("--strict", is_flag=True, help="Refuse the whole file where any line is bad.")
@click.option("--estimate-first", is_flag=True, help="Read the whole file and show its cost first.")
@click.option("--retry-failed", is_flag=True, help="Run the failed jobs again.")
@click.option("--rerun-changed", is_flag=True, help="Run jobs again whose line has changed.")
@click.option(
    "--skip-damaged",
    is_flag=True,
    help="Leave out what of a damaged journal can't be read, and send its jobs again.",
)
@click.option("--dedupe", is_flag=True, help="Send jobs that ask the same once, for all of them.")
@click.option(
    "--reask",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Ask up to N times more where an answer does not fit the recipe's schema.",
)
@click.option("--wait-for-reset", is_flag=True, help="Sleep until a spent budget has its reset.")
@click.option("--download", is_flag=True, help="Fetch images that come as links into images/.")
def run(jobs: str, out: str | None, *, recipe: str | None, as_json: bool, **options: Any) -> None:
    """Run a file of JOBS to its end, or resume where it stopped.

    JOBS is a JSONL file (OpenAI Batch lines, Anthropic batches or bare bodies; .gz and .zst too),
    or - for standard input. With --recipe it is a table, as for `headrace jobs make`, and the run
    directory is DATA.R.run unless --out is given. Results, attempts and the balance go to it as
    Parquet.

    The key is read from HEADRACE_API_KEY.
    """
    from .worker_command import started_early

    with started_early(_processes(**options)) as started:
        _run(jobs, out, recipe, started, as_json=as_json, **options)


def _processes(workers: int | Literal["auto"], cluster: str | None, **_rest: Any) -> int:
    """How many processes this machine will start to send. Raises InputError where it can't have
    so many."""
    from .machine_limits import check_memory_for, cores_for_workers

    count = cores_for_workers() if workers == "auto" else workers
    if cluster is not None or count == 1:
        return 0
    check_memory_for(count)
    return count


def _run(
    jobs: str,
    out: str | None,
    recipe: str | None,
    started: "list[StartedWorker]",
    *,
    as_json: bool,
    **options: Any,
) -> None:
    from pathlib import Path

    from headrace.jobs import (
        SETTINGS_FILE,
        model_limits_from,
        other_endpoints_from,
        printable,
    )

    from .bulk import run_and_summarise, show_forecast
    from .settings import RunSettings, default_run_directory, settings_from

    table = _table(jobs, recipe, options)
    rpm, tpm, path = options["rpm"], options["tpm"], Path(SETTINGS_FILE)
    if services := chosen_services(options.pop("service_names"), rpm=rpm, tpm=tpm):
        options |= {"services": services, "base_url": None}
    else:
        options["model_limits"] = model_limits_from(path, rpm=rpm, tpm=tpm)
    options["endpoints"] = other_endpoints_from(path).named
    settings = settings_from(RunSettings, None, **options)
    directory = Path(out) if out else default_run_directory(jobs, recipe=recipe)
    display, say = _display()
    outcome, summary = run_and_summarise(
        jobs,
        directory,
        settings,
        display,
        lambda forecast: say(f"Estimate: {show_forecast(forecast)}"),
        say,
        table,
        started,
    )
    done = summary.outcome
    nothing_done = not done.succeeded + done.failed + done.rejected + done.attempts
    if outcome.reason is None or not nothing_done or as_json:
        show_summary(summary, as_json=as_json)
    if outcome.reason is None and nothing_done:
        say(f"{printable(jobs)} holds no jobs; nothing was sent.")
    if outcome.reason is not None:
        word = "Error" if nothing_done else "Stopped"
        say(f"{word}: {printable(outcome.reason)}")
    click.get_current_context().exit(outcome.exit_code)


def _table(data: str, recipe: str | None, options: dict[str, Any]) -> "TableJobs | None":
    """What the jobs are made of, where it is a table; its flags are taken out of the options."""
    from pathlib import Path

    from headrace.jobs import InputError, Selection

    from .bulk import TableJobs

    chosen = {name: options.pop(name) for name in ("where", "sample", "seed", "limit")}
    images_from = options.pop("images_from")
    if recipe is None:
        given = [name for name in chosen if chosen[name]] + ["images-from"] * bool(images_from)
        if given:
            raise InputError(f"--{given[0]} is about rows of a table: give --recipe too")
        return None
    from headrace.jobs import read_recipe

    return TableJobs(data, read_recipe(Path(recipe)), Selection(**chosen), images_from)


def _display() -> tuple["Display", Callable[[str], None]]:
    """What shows the progress and what prints a line beside it, both on standard error."""
    if sys.stderr is None or not sys.stderr.isatty():  # None: it was closed
        from .bulk import display_in_lines

        return display_in_lines(print_err), print_err
    from rich.console import Console

    from .bulk import display_on, print_line

    console = Console(stderr=True)
    return display_on(console), partial(print_line, console)


def show_summary(summary: "Summary", *, as_json: bool, gate: "GateReport | None" = None) -> None:
    """Print the summary of a run that has ended, and how it was judged: as a report, or as JSON."""
    if gate is not None:
        _show_judged(summary, gate, as_json=as_json)
    elif as_json:
        from headrace.reports import summary_json

        click.echo(summary_json(summary), nl=False)
    else:
        from headrace.reports import print_summary, report_console

        print_summary(summary, report_console())


def _show_judged(summary: "Summary", gate: "GateReport", *, as_json: bool) -> None:
    from headrace.reports import gated_summary_json, print_gate, print_summary, report_console

    if as_json:
        click.echo(gated_summary_json(summary, gate), nl=False)
        return
    print_summary(summary, report_console())
    click.echo()
    print_gate(gate, report_console())


@click.command()
@BASE_URL
@SERVICE
@click.option("--json", "as_json", is_flag=True, help="Print the reading as JSON.")
def balance(
    base_url: str | dict[str, str] | None, service_names: tuple[str, ...], *, as_json: bool
) -> None:
    """Show the account's balance and the key's budgets: of each service, where there are several.

    The key is read from HEADRACE_API_KEY, or the variable that the service names.
    """
    import trio

    from .base_url import base_urls_from
    from .money import read_once, show_reading
    from .settings import key_from

    services = chosen_services(service_names, rpm=None, tpm=None)
    if services is not None:
        _show_balances(services, as_json=as_json)
        return
    reading = trio.run(read_once, base_urls_from(base_url).openai, key_from(None))
    if as_json:
        _print_json(reading)
    else:
        click.echo(show_reading(reading))


def _show_balances(chosen: "ChosenServices", *, as_json: bool) -> None:
    """The balance of each service; exits by what could not be read."""
    import trio

    from headrace.jobs import BalanceReading, HeadraceError

    from .errors import first_exit_code
    from .money import read_once, show_reading
    from .services import services_from

    services = services_from(chosen, None, rpm=None, tpm=None, prices=None, http2=False)
    readings: list[BalanceReading] = []
    failures: list[HeadraceError] = []
    for each in services.each:
        read = partial(
            read_once,
            hidden=services.keys,
            service=each.name,
            auth=each.auth,
            key_variable=each.key_variable,
        )
        try:
            reading = trio.run(read, each.urls.openai, each.key)
        except HeadraceError as error:
            failures.append(error)
            print_err(f"{each.name}: {error.format_message()}")
        else:
            readings.append(reading)
            if not as_json:
                click.echo(f"{each.name}\n{indent(show_reading(reading), '  ')}")
    if as_json:
        _print_json(readings)
    if failures:
        click.get_current_context().exit(first_exit_code(failures))


def _print_json(value: object) -> None:
    import msgspec

    from headrace.jobs import printable_json

    click.echo(printable_json(msgspec.json.format(msgspec.json.encode(value), indent=2)))
