"""The errors that users see, each with its exit code.

    click.ClickException
    └── HeadraceError                   one line: what is wrong and what to do      exit 1
        ├── InputError                  a file, a value or a setting is unusable    exit 2
        │   └── DamagedJournalError     a journal has a line that can't be read     exit 2
        └── (runner.errors)             what stops a run

Each carries its complete message, and shows itself as one line on standard error, with a list below
it where it has one.
"""

from collections.abc import Sequence

import click

from .wording import printable


class HeadraceError(click.ClickException):
    """Ends a command with one clear line instead of a traceback.

    `details` are lines that are shown below it; no other line end in it is one on a terminal, since
    a service's words may be part of it.
    """

    exit_code = 1

    def __init__(self, message: str, *, details: Sequence[str] = ()) -> None:
        super().__init__("\n".join((message, *details)))
        self.said, self.details = message, tuple(details)

    def format_message(self) -> str:
        """What is shown, safe for a terminal."""
        return "\n".join(map(printable, (self.said, *self.details)))


class InputError(HeadraceError):
    """A file, a value or a setting cannot be used; the message says how to fix it."""

    exit_code = 2


class DamagedJournalError(InputError):
    """A line of a run's journal can't be read, and it is not the end that a crash tore off."""
