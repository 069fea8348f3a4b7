"""The types of a CSV file's columns, from all of their cells: numbers, true or false.

A column has such a type only where all of its cells are written as that type is: "007" stays text,
since it is a name rather than a number.
"""

from collections.abc import Iterable, Sequence

import polars as pl

# The narrowest first: a column has the first type that all its cells are of.
_PATTERNS = {
    pl.Int64: r"^-?(?:0|[1-9][0-9]{0,17})$",
    pl.Float64: r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$",
    pl.Boolean: r"^(?:true|false|True|False|TRUE|FALSE)$",
}


class CsvTypes:
    """Types of columns, narrowed to none that a piece contradicts. Of a column without any cell it
    is text."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._fits = {name: list(_PATTERNS) for name in columns}
        self._filled: set[str] = set()

    def add(self, frame: pl.DataFrame) -> None:
        """Take these rows into account."""
        for name, fits in self._fits.items():
            cells = frame[name]
            if fits and cells.null_count() < len(cells):
                self._filled.add(name)
                self._fits[name] = [
                    dtype for dtype in fits if cells.str.contains(_PATTERNS[dtype]).all()
                ]

    def casts(self) -> list[pl.Expr]:
        """What makes the typed columns of the text."""
        found = []
        for name, fits in self._fits.items():
            if fits and name in self._filled:
                text = pl.col(name)
                if fits[0] is pl.Boolean:
                    found.append((text.str.to_lowercase() == "true").alias(name))
                else:
                    found.append(text.cast(fits[0]))
        return found

    def value(self, name: str, cell: str | None) -> str | int | float | bool | None:
        """A cell as the type of its column."""
        fits = self._fits[name]
        if cell is None or not fits:
            return cell
        if fits[0] is pl.Boolean:
            return cell.lower() == "true"
        return int(cell) if fits[0] is pl.Int64 else float(cell)


def csv_types(columns: Sequence[str], frames: Iterable[pl.DataFrame]) -> CsvTypes:
    """The types of these columns, from all rows of a table."""
    types = CsvTypes(columns)
    for frame in frames:
        types.add(frame)
    return types
