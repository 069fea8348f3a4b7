"""The command `headrace nightly`."""

import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from ..stderr import print_err

if TYPE_CHECKING:
    from .night import NightOutcome


def _date(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    from datetime import date

    try:
        if value is not None and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        value = value or ""
    if value is not None:
        raise click.BadParameter(f"{value!r} is not a date; write it like 2026-06-08")
    return None


@click.command()
@click.argument("eval_file", metavar="EVAL.toml")
@click.option(
    "--date",
    callback=_date,
    metavar="YYYY-MM-DD",
    help="The night's.  [default: today in UTC, or of a night that was cut short]",
)
@click.option("--rebase", is_flag=True, help="Begin a new baseline with this night.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as data.")
@click.option("--md", is_flag=True, help="Print it as Markdown, for a chat or a pull request.")
def nightly(eval_file: str, *, date: str | None, rebase: bool, as_json: bool, md: bool) -> None:
    """Run an eval, and hold it to its conditions beside the last good night and a baseline.

    EVAL.toml says what is asked, how it is scored and what a night must meet. The night is
    RUNS/DATE.run; started again, it resumes. Exit code 4 where a condition is missed by more than
    chance; where that can't be told it is unclear, and the night is good.
    docs/guides/nightly.md has the file.

    The key is read from HEADRACE_API_KEY.
    """
    from datetime import UTC, datetime
    from pathlib import Path

    from headrace.settings_file import SETTINGS_FILE

    from ..main import load_command, settings_for
    from .budget import check_judge_priced
    from .eval_file import read_eval_file
    from .night import NightOrders, run_night

    if as_json and md:
        raise click.UsageError("--json and --md are two ways to print one verdict; choose one")
    orders = NightOrders(datetime.now(UTC), date, rebase)
    run_command = load_command("run")
    found = read_eval_file(Path(eval_file), run_command)
    check_judge_priced(found, settings_for(run_command, Path(SETTINGS_FILE)))
    outcome = run_night(found, orders, invoke, print_err)
    _show(outcome, as_json=as_json, md=md)
    click.get_current_context().exit(outcome.exit_code)


def invoke(name: str, arguments: Sequence[str]) -> int:
    """Do what another command does, and return its exit code; what it prints goes to standard
    error, as standard output is the verdict's. Raises what the command raises."""
    from pathlib import Path

    from headrace.jobs import InputError
    from headrace.settings_file import SETTINGS_FILE

    from ..main import load_command, settings_for

    command = load_command(name)
    defaults = settings_for(command, Path(SETTINGS_FILE))
    try:
        with redirect_stdout(sys.stderr):
            code = command.main(
                list(arguments),
                prog_name=f"headrace {name}",
                standalone_mode=False,
                default_map=defaults,
            )
    except click.UsageError as error:
        raise InputError(f"in the night's `headrace {name}`: {error.format_message()}") from error
    return code if isinstance(code, int) else 0


def _show(outcome: "NightOutcome", *, as_json: bool, md: bool) -> None:
    from headrace.jobs import printable

    if outcome.report is None and outcome.files:
        print_err("The night was cut short; the same command resumes it.")
    if as_json or md:
        wanted = ".json" if as_json else ".md"
        for file in (each for each in outcome.files if each.suffix == wanted):
            click.echo(file.read_text("utf-8"), nl=False)
    elif outcome.report is not None:
        from headrace.reports import print_night, report_console

        print_night(outcome.report, report_console())
    for file in outcome.files:
        print_err(f"Wrote {printable(file)}")
