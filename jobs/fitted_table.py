"""A table in as many columns as a terminal has: written closer, or its rows one after the other."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

GAP = 2  # between two values
# How far a table's texts may be folded before its rows are written one value after the other.
FOLDED_TO = 12


def fitted(table: Table, width: int, console: Console) -> Table | Text:
    """The table, or what says the same in `width` columns: the table written closer; and where
    that would still fold its names to shreds, or cut its figures, each row as a paragraph.

    Args:
        table: it, without lines.
        width: of what there is of the terminal, in columns.
        console: what measures texts.
    """
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
