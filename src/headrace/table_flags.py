"""Flags that choose rows of a table, for each command that takes one."""

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]
_COUNT = click.IntRange(min=1)


def selection_flags(command: Command) -> Command:
    """`--where`, `--sample` with `--seed`, `--limit`, in the order in which they work, and
    `--images-from`."""
    flags = (
        click.option("--where", metavar="SQL", help="Only rows for which this holds."),
        click.option(
            "--sample", type=_COUNT, metavar="N", help="Only so many of these, drawn by chance."
        ),
        click.option(
            "--seed", type=int, default=0, show_default=True, help="What --sample draws by."
        ),
        click.option("--limit", type=_COUNT, metavar="N", help="Only the first N of these."),
        click.option(
            "--images-from",
            metavar="DIR",
            help="Where the files of images are.  [default: beside DATA]",
        ),
    )
    for flag in reversed(flags):
        command = flag(command)
    return command
