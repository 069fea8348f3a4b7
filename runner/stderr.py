"""Words on standard error whose reader may be gone: they are lost, and the run continues."""

import os
import sys

import click


def print_err(line: str) -> None:
    """Print a line there. Once it turns out to be a broken pipe, it leads nowhere."""
    try:
        click.echo(line, err=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())  # what is buffered must find a way out at the end
        os.close(nowhere)
