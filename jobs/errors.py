"""The errors that users see, each with its exit code.

    click.ClickException
    └── HeadraceError                   one line: what is wrong and what to do      exit 1
        ├── InputError                  a file, a value or a setting is unusable    exit 2
        │   └── DamagedJournalError     a journal has a line that can't be read     exit 2
        └── (runner.errors)             what stops a run

Each carries its complete message, and shows itself as one line on standard error.
"""

import click

from .terminal_text import printable


class HeadraceError(click.ClickException):
    """Ends a command with one clear line instead of a traceback."""

    exit_code = 1

    def format_message(self) -> str:
        """The message, safe for a terminal: parts of it may come from a service."""
        return "\n".join(map(printable, self.message.split("\n")))  # a list has several lines


class InputError(HeadraceError):
    """A file, a value or a setting cannot be used; the message says how to fix it."""

    exit_code = 2


class DamagedJournalError(InputError):
    """A line of a run's journal can't be read, and it is not the end that a crash tore off."""
