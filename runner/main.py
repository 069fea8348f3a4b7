"""The command line's root: it alone knows every room, by name, and loads each when it is called."""

import atexit
import gc
import os
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click

from headrace import standard_streams
from headrace.settings_file import SETTINGS_FILE

# polars' allocator keeps what was freed for ten seconds, and for each thread apart, so that a run
# would hold the memory of its hungriest moments. A hundredth of one is enough for what is asked for
# again within a step: without any, a quarter of sealing is spent on giving back and taking. It
# reads this when it is loaded.
ALLOCATOR = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:10,muzzy_decay_ms:0,narenas:1")
# Allocations between two looks for cycles; Python's own 700 is for small programs.
GC_THRESHOLD = 50_000
INTERRUPTED = 130
# What a key is called where it is a flag of other tools.
KEY_FLAGS = frozenset({"api-key", "apikey", "key", "token", "api-token", "auth"})
HELP = frozenset({"-h", "--help"})


class Place(NamedTuple):
    """Where a command is defined, and the line that stands for it before it is imported.

    One that only `reads_records`, and judges nothing, does without a settings file that is broken.
    """

    module: str
    attribute: str
    summary: str
    reads_records: bool = False


COMMANDS = {
    "run": Place("runner.cli", "run", "Run a file of jobs to the end, or resume where it stopped."),
    "load": Place("runner.traffic.cli", "load", "Send a shape of traffic, and see how it is met."),
    "calibrate": Place(
        "runner.calibration.cli", "calibrate", "Measure what this machine's client can do."
    ),
    "jobs": Place("jobs.cli", "jobs", "Make a job file of a table, check one, estimate it."),
    "report": Place(
        "reports.cli", "report", "Show what a run did, cost and took.", reads_records=True
    ),
    "status": Place(
        "reports.cli",
        "status",
        "Show the progress of a run, from another terminal.",
        reads_records=True,
    ),
    "compare": Place(
        "reports.compare_cli",
        "compare",
        "Compare two runs, with the uncertainty of each difference.",
        reads_records=True,
    ),
    "gate": Place("reports.cli", "gate", "Judge a run by objectives; exit code 4 where one fails."),
    "export": Place(
        "reports.cli",
        "export",
        "Write results as batch output, JSONL, CSV or Parquet.",
        reads_records=True,
    ),
    "score": Place("reports.scoring.cli", "score", "Score answers beside what was expected."),
    "join": Place("reports.cli", "join", "Write a table's rows with the answers beside them."),
    "nightly": Place(
        "runner.nightly.cli", "nightly", "Run an eval every night, and hold it to its conditions."
    ),
    "cluster": Place("runner.cluster.cli", "cluster", "Check the machines that would share a run."),
    "balance": Place("runner.cli", "balance", "Show the account's balance and the key's budgets."),
    "prices": Place(
        "reports.prices_cli", "prices", "Tell prices from an account, check or import them."
    ),
    "gateway": Place("gateway.cli", "gateway", "Serve the API on this machine, to try things on."),
    "demo": Place("runner.demo", "demo", "Gateway, jobs, run and report in one go, offline."),
}


class Root(click.Group):
    """A group whose commands are imported only when they are called."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run as a program: what can't be shown changes nothing that is done, nor its exit code but
        for that of a standard output that was lost."""
        standard_streams.guard()
        try:
            return super().main(*args, **options)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            try:
                code = standard_streams.exit_code_after(code)
            except KeyboardInterrupt:  # whoever reads it doesn't
                code = code or INTERRUPTED
            raise SystemExit(code) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        own_process()
        return load_command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and name is not None:
            try:
                ctx.default_map = {name: settings_for(command, Path(SETTINGS_FILE))}
            except click.UsageError as error:
                if not COMMANDS[name].reads_records and not HELP & {*args}:
                    raise
                click.echo(f"Warning: {error.message}; continuing without it.", err=True)
        return name, command, rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise _about_a_key(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Ctrl-C where a command doesn't heed it itself: while it reads, or sums up."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            raise _about_a_key(error) from error
        except KeyboardInterrupt:
            pass
        except BaseExceptionGroup as group:  # as trio's nurseries hand it on
            if group.subgroup(KeyboardInterrupt) is None:
                raise
        click.echo("Interrupted.", err=True)
        return ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])


def _about_a_key(error: click.NoSuchOption) -> click.UsageError:
    """What to do instead, where a key was given as a flag."""
    if error.option_name.strip("-").replace("_", "-").lower() not in KEY_FLAGS:
        return error
    return click.UsageError(  # without a context: one line
        f"{error.option_name} is not a flag: everyone on this machine could see the key; "
        "set HEADRACE_API_KEY"
    )


def own_process() -> None:
    """Set what belongs to the whole process, before anything large is imported."""
    os.environ.setdefault(*ALLOCATOR)
    # httpx's own command line, which nobody calls here, brings pygments and half of rich with it.
    # httpx does without where it can't be imported.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    # tenacity loads it where it is installed, as it is with dask, and asyncio with it.
    sys.modules.setdefault("tornado", None)  # type: ignore[arg-type]
    # Most of what a command makes is gone with it, without a cycle: to look for some so often is
    # vain, and so is one more look through everything when all of it goes.
    gc.set_threshold(GC_THRESHOLD, 20, 50)
    atexit.register(gc.freeze)


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version  # as long in coming as all the rest of `--help`

        click.echo(f"headrace {version('headrace')}")
        ctx.exit()


def settings_for(command: click.Command, path: Path) -> dict[str, Any]:
    """A command's defaults from a settings file; see `command_defaults.defaults_for`."""
    from .command_defaults import defaults_for

    return defaults_for(command, path, {name: partial(load_command, name) for name in COMMANDS})


def load_command(name: str) -> click.Command:
    """A command by its name, imported."""
    place = COMMANDS[name]
    command: click.Command = getattr(import_module(f"headrace.{place.module}"), place.attribute)
    return command


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

    Start with `headrace demo`: it needs no key and no network. Defaults for each command's flags
    may stand in headrace.toml, in a table named for the command.
    """
