"""Which rows of a table are chosen: `where`, then `sample`, then `limit`; their order is kept."""

import random
from collections.abc import Iterator

import polars as pl

from ..errors import InputError
from ..records import Selection
from .pieces import no_column
from .table import Table


class Chosen:
    """The rows that are chosen, by number from 0.

    Args:
        flags: a byte for each row; None chooses all.
        limit: how many are chosen at most.
    """

    def __init__(self, flags: bytearray | None, limit: int | None) -> None:
        self._flags = flags
        self._limit = limit

    def __contains__(self, row: int) -> bool:
        if self._flags is None:
            return self._limit is None or row < self._limit
        return row < len(self._flags) and bool(self._flags[row])

    def none_from(self, row: int) -> bool:
        """Whether neither this row nor any after it is chosen, as far as is known."""
        return self._flags is None and self._limit is not None and row >= self._limit


def choose(table: Table, selection: Selection) -> Chosen:
    """Work out which rows are chosen; the table is read where that takes it.

    Args:
        table: whose rows.
        selection: what chooses them.

    Raises:
        InputError: the condition can't be used on the table, or a number is below 1.
    """
    for name in ("sample", "limit"):
        value = getattr(selection, name)
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}; it is at least 1")
    if selection.where is None and selection.sample is None:
        return Chosen(None, selection.limit)
    flags = bytearray()
    for held in _where(table, selection.where):
        flags += held
    if selection.sample is not None:
        rows = [row for row, flag in enumerate(flags) if flag]
        if selection.sample < len(rows):
            kept = random.Random(selection.seed).sample(rows, selection.sample)
            flags = bytearray(len(flags))
            for row in kept:
                flags[row] = 1
    if selection.limit is not None:
        _cut(flags, selection.limit)
    return Chosen(flags, None)


def _cut(flags: bytearray, limit: int) -> None:
    """Unset all flags but the first so many."""
    at = -1
    for _ in range(limit):
        at = flags.find(1, at + 1)
        if at < 0:
            return
    flags[at + 1 :] = bytes(len(flags) - at - 1)


def _where(table: Table, where: str | None) -> Iterator[bytes]:
    """A byte for each row, piece by piece: whether the condition holds; null is no."""
    if where is None:
        for rows in table.rows(()):
            yield b"\x01" * len(rows)
        return
    condition = _condition(where, table)
    for _, frame in table.pieces(sorted(set(condition.meta.root_names()))):
        try:
            held = frame.select(condition.alias("held"))["held"]
        except pl.exceptions.PolarsError as error:
            said = str(error).partition("\n")[0]
            raise InputError(f"--where {where!r} can't be used on {table.name}: {said}") from error
        if held.dtype != pl.Boolean:
            raise InputError(f"--where {where!r} is {held.dtype}, not true or false")
        if len(held) != len(frame):  # a condition without a column
            held = held.extend_constant(held[0], len(frame) - len(held))
        yield held.fill_null(value=False).cast(pl.UInt8).to_numpy().tobytes()


def _condition(where: str, table: Table) -> pl.Expr:
    try:
        condition = pl.sql_expr(where)
    except pl.exceptions.PolarsError as error:
        said = str(error).partition("\n")[0]
        raise InputError(f"--where {where!r} is not a condition in SQL: {said}") from error
    if not _is_of_one_row(condition):
        raise InputError(f"--where {where!r} is about several rows; it can judge one at a time")
    for name in sorted(set(condition.meta.root_names())):
        if name not in table.columns:
            raise no_column(table.name, name, table.columns)
    if not condition.meta.root_names():
        raise InputError(f"--where {where!r} names no column")
    return condition


def _is_of_one_row(condition: pl.Expr) -> bool:
    """Whether a condition judges a row by that row alone: pieces of a table are judged apart."""
    if condition.meta.is_literal():  # a list of values among them
        return True
    try:
        if not condition.meta.is_row_separable():
            return False
    except pl.exceptions.ColumnNotFoundError:
        # Of some functions it depends on types that are not known here.
        return all(map(_is_of_one_row, condition.meta.pop()))
    return all(map(_is_of_one_row, condition.meta.pop()))
