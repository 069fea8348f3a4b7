"""How a report on a terminal looks: sections, tables without lines, the colours of a state."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

STATE_STYLES = {
    "finished": "green",
    "running": "cyan",
    "crashed": "yellow",
    "interrupted": "yellow",
    "stopped": "red",
}

INDENT = 2
GAP = 2  # between two values
# How far a table's texts may be folded before its rows are written one value after the other.
FOLDED_TO = 12


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


def fitted(table: Table, width: int, console: Console) -> Table | Text:
    """The table, or what says the same in `width` columns: the table written closer; and where
    that would still fold its names to shreds, or cut its figures, each row as a paragraph."""
    if _least_width(table, console) <= width:
        return table
    table.padding = (0, 1, 0, 0)
    return table if _least_width(table, console) <= width else _paragraphs(table, width)


def _least_width(table: Table, console: Console) -> int:
    """What the table takes with its texts folded as far as they may be, and its figures whole."""
    _, right, _, _ = table.padding
    least = -right  # nothing follows the last column
    for column in table.columns:
        cells = [column.header, *column.cells]
        whole = max(Measurement.get(console, console.options, cell).maximum for cell in cells)
        least += right + (whole if column.no_wrap else min(whole, FOLDED_TO))
    return least


def _paragraphs(table: Table, width: int) -> Text:
    """The rows one after the other: the first cell, and below it the others with their headers."""
    lines: list[Text] = []
    headers = [_text(column.header) for column in table.columns]
    for row, cells in zip(table.rows, _rows(table), strict=True):
        first, *others = map(_text, cells)
        line, style = first, str(row.style or "")
        for words in _worded(headers[1:], others) if table.show_header else filter(None, others):
            if line.strip() and cell_len(line) + GAP + cell_len(words) > width:
                lines.append(Text(line, style))
                line = ""
            line += " " * GAP + words
        lines.append(Text(line, style))
    return Text("\n").join(lines)


def _rows(table: Table) -> Iterator[tuple[object, ...]]:
    return zip(*(column.cells for column in table.columns), strict=True)


def _worded(headers: list[str], cells: list[str]) -> Iterator[str]:
    for header, cell in zip(headers, cells, strict=True):
        if cell:
            yield f"{header} {cell}".lstrip()


def _text(cell: object) -> str:
    return (cell.plain if isinstance(cell, Text) else str(cell)).strip()
