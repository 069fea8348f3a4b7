"""Rows that somebody else may have made, held to what a run can record before anything counts them.

A table that breaks these rules could make a reader allocate without end (a file of 12 kB can claim
billions of rows), or fail far from where the fault is (a moment that no calendar has, a NaN in a
sum, a line below 0).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ..errors import InputError
from ..panics import quiet_panics
from .rows import (
    ATTEMPT_MAX,
    INDEX_MAX,
    Attempt,
    BalanceReading,
    Column,
    Reask,
    Result,
    Row,
    ServerReading,
    columns,
    schema,
)

# A row takes bytes: moments, digests and names don't repeat. Small tables may be anything.
ROWS_FREE = 100_000
# What Python has dates for, in every time zone. A service may say that a budget is never reset.
MOMENTS = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
TABLES: dict[str, type[Row]] = {
    "results/*.parquet": Result,
    "attempts/*.parquet": Attempt,
    "balance.parquet": BalanceReading,
    "reasks.parquet": Reask,
    "server.parquet": ServerReading,
}
# Rows that a byte may hold, where that is not one: what a server says each second hardly changes.
ROWS_PER_BYTE: dict[type[Row], int] = {ServerReading: 64}
BOUNDS: dict[str, tuple[int, int]] = {"index": (0, INDEX_MAX), "attempt": (1, ATTEMPT_MAX)}


def check_row_count(parts: Sequence[Path], kind: type[Row]) -> None:
    """Refuse Parquet files that claim more rows than their bytes can hold.

    Args:
        parts: the files of one table, one or more.
        kind: what it is a table of.

    Raises:
        InputError: naming the largest claim's directory or file.
        polars.exceptions.PolarsError: one can't be read.
    """
    rows = sealed_rows(parts, kind).select(pl.len()).collect().item()
    size_bytes = sum(part.stat().st_size for part in parts)
    most = max(ROWS_FREE, ROWS_PER_BYTE.get(kind, 1) * size_bytes)
    if rows > most:
        where = parts[0] if len(parts) == 1 else parts[0].parent
        raise InputError(
            f"{where} claims {rows:,} rows in fewer bytes than that; no run wrote it: restore it"
        )


def check_tables(run: Path) -> None:
    """Refuse a run directory with a Parquet file that no run wrote, of this schema or an earlier.

    Raises:
        InputError: naming the file.
    """
    for name, kind in TABLES.items():
        for part in sorted(run.glob(name)):
            try:
                with quiet_panics():
                    check_row_count([part], kind)
                    check_rows(pl.scan_parquet(part), kind, part)
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
                said = str(error).partition("\n")[0]
                raise InputError(f"{part} can't be read ({said}); restore it") from error


def sealed_rows(parts: Sequence[Path], kind: type[Row]) -> pl.LazyFrame:
    """The rows of Parquet files. What others added is left out, and a column that came with a later
    headrace is null in the parts of an earlier one.

    Args:
        parts: the files of one table, one or more.
        kind: what it is a table of.

    Returns:
        Lazy rows in no order, with the columns of `kind`.
    """
    return pl.scan_parquet(
        list(parts), schema=schema(kind), extra_columns="ignore", missing_columns="insert"
    )


def check_rows(table: pl.LazyFrame, kind: type[Row], where: Path) -> None:
    """Refuse a table with a value that no run records. It may lack columns that may be null.

    Args:
        table: all rows of it, or some columns of them.
        kind: what it is a table of.
        where: what is named.

    Raises:
        InputError: naming the first column at fault.
        polars.exceptions.PolarsError: it can't be read.
    """
    there = table.collect_schema()
    for each in columns(kind):
        if each.name in there and there[each.name] != each.dtype:
            raise InputError(
                f"{where} has {there[each.name]} in the column {each.name}, not {each.dtype}; "
                "restore it"
            )
        if each.name not in there and not each.nullable:
            raise InputError(f"{where} lacks the column {each.name}; it is not of this schema")
    rules = {each.name: _broken(each) for each in columns(kind) if each.name in there}
    broken = table.select(
        rule.any(ignore_nulls=True).alias(name) for name, rule in rules.items() if rule is not None
    ).collect(engine="streaming")
    for name, found in broken.row(0, named=True).items():
        if found:
            raise InputError(
                f"{where} holds a value that no run records, in the column {name}; restore it"
            )


def _broken(column: Column) -> pl.Expr | None:
    """Which values break the column's rule; None where it has none."""
    value, dtype = pl.col(column.name), column.dtype
    broken: Any = None
    if isinstance(dtype, pl.Datetime):
        broken = ~value.is_between(*MOMENTS)
    elif column.name in BOUNDS:
        broken = ~value.is_between(*BOUNDS[column.name])
    elif dtype == pl.Float64:
        broken = ~value.is_finite()
    elif column.values:
        broken = ~value.is_in(column.values)
    if column.nullable:
        return broken  # type: ignore[no-any-return]
    return value.is_null() if broken is None else value.is_null() | broken
