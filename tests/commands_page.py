"""docs/reference/commands.md, written from the commands themselves.

python -m tests.commands_page > docs/reference/commands.md
"""

import sys
import textwrap
from collections.abc import Iterator

import click

from headrace.runner.main import main

WIDTH = 110
HEAD = """# Commands and their flags

Written by `python -m tests.commands_page > docs/reference/commands.md` from what
`headrace COMMAND --help` says. Their settings in a file: [settings](settings.md). What they end
with: [exit codes](exit-codes.md)."""


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, in the order of `headrace --help`."""
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                yield f"{name} {inner}", command.commands[inner]
        else:
            yield name, command


def page() -> str:
    """The page, in Markdown."""
    return "\n\n".join([HEAD, *(_section(*leaf) for leaf in leaves())]) + "\n"


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command)
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    paragraphs = [textwrap.fill(each, WIDTH) for each in (command.help or "").split("\n\n")]
    lines = [f"## headrace {name}", f"    headrace {' '.join([name, '[OPTIONS]', *arguments])}"]
    rows = [
        f"| `{_cell(flag)}` | {_cell(meaning)} |"
        for flag, meaning in (
            each.get_help_record(context) or ("", "")
            for each in command.params
            if isinstance(each, click.Option)
        )
    ]
    return "\n\n".join(
        [*lines, *paragraphs, "\n".join(["| flag | meaning |", "| --- | --- |", *rows])]
    )


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.stdout.write(page())
