"""How a report on a terminal looks: sections, tables without lines, the colours of a state."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.jobs import fitted

STATE_STYLES = {
    "finished": "green",
    "running": "cyan",
    "crashed": "yellow",
    "interrupted": "yellow",
    "stopped": "red",
}

INDENT = 2


def heading(console: Console, text: str) -> None:
    """Print a section's name, with a blank line before it."""
    console.print()
    console.print(Text(text, style="bold"))


def columns(*columns: str, left: int = 1) -> Table:
    """A table without lines, its first `left` columns to the left and the numbers to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for n, column in enumerate(columns):
        table.add_column(
            column,
            justify="left" if n < left else "right",
            no_wrap=n >= left,
            overflow="fold",
            min_width=1,  # rich draws an empty column as one wide, and measures it as none
        )
    return table


def print_body(console: Console, what: Table | Text | str, style: str = "") -> None:
    """Print something two columns in, its further lines too; a table as `fitted` has it."""
    body = Text(what, style) if isinstance(what, str) else what
    if isinstance(body, Table):
        body = fitted(body, console.width - INDENT, console)
    console.print(Padding(body, (0, 0, 0, INDENT), expand=False))
