"""The command line's root: it alone knows every room, by name, and loads each when it is called."""

from importlib import import_module
from importlib.metadata import version
from typing import NamedTuple

import click


class Place(NamedTuple):
    """Where a command is defined, and the line that stands for it before it is imported."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "run": Place("runner.cli", "run", "Run a file of jobs to the end, or go on where it stopped."),
    "report": Place("reports.cli", "report", "Show what a run did, cost and took."),
    "balance": Place("runner.cli", "balance", "Show the account's balance and the key's budgets."),
    "gateway": Place("gateway.cli", "gateway", "Serve the API on this machine, to try things on."),
    "demo": Place("runner.demo", "demo", "Gateway, jobs, run and report in one go, offline."),
}


class Root(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(import_module(place.module), place.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"headrace {version('headrace')}")
        ctx.exit()


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Batch job runner and load tester for LLM gateways.

    Start with `headrace demo`: it needs no key and no network.
    """
