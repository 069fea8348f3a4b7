"""What people are shown on standard error. Nothing of it ends a run, or changes what it does."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

P = TypeVar("P")


def print_err(line: str) -> None:
    """Print a line there; where it can't be written, it is lost (headrace.standard_streams)."""
    click.echo(line, err=True)


async def show(
    display: Callable[[P], Awaitable[None]],
    progress: P,
    over: str = "The progress is no longer shown",
) -> None:
    """Show the progress of a run until cancelled. A display that fails ends by itself, and is told
    of in the words `over`: what is in flight has been paid for."""
    try:
        await display(progress)
    except Exception as error:
        print_err(f"{over}: {type(error).__name__}: {error}")
