"""Words on standard error whose reader may be gone: they are lost, and the run goes on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def unheard_at_worst() -> Iterator[None]:
    """Within it, standard error may turn out to be a broken pipe; from then on it leads nowhere."""
    try:
        yield
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())  # what is buffered must find a way out at the end
        os.close(nowhere)


def say(line: str) -> None:
    """Print a line there."""
    with unheard_at_worst():
        click.echo(line, err=True)
