"""A report in each of its forms, made where it is asked for: what isn't needed is not loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click


class Forms(NamedTuple):
    """Data, Markdown, a page in a file, and text on the terminal."""

    json: Callable[[], bytes]
    markdown: Callable[[], str]
    write_page: Callable[[Path], None]
    print: Callable[[], None]

    def show(self, *, as_json: bool, md: bool, has_page: bool) -> None:
        """Put it on standard output, in one form; where it has a page instead, not as text."""
        if as_json:
            click.echo(self.json(), nl=False)
        elif md:
            click.echo(self.markdown(), nl=False)
        elif not has_page:
            self.print()
