"""A directory of an earlier version, brought up to the columns of this one.

Its journal is sealed by then. Each part that lacks a column is written anew beside itself, synced
and renamed; whatever comes in between, the next session finds parts of both kinds and does the
rest.
"""

from pathlib import Path

import polars as pl

from headrace.jobs import Attempt, BalanceReading, Reask, Result, Row, columns, schema

from ..errors import StorageError
from .replaced import replace_table

TABLES: tuple[tuple[str, type[Row]], ...] = (
    ("results/*.parquet", Result),
    ("attempts/*.parquet", Attempt),
    ("balance.parquet", BalanceReading),
    ("reasks.parquet", Reask),
)


def upgrade(run: Path) -> None:
    """Give all parts of a directory this version's schema. Raises StorageError."""
    for pattern, kind in TABLES:
        for part in sorted(run.glob(pattern)):
            try:
                found = pl.read_parquet_schema(part)
                if all(found.get(name) == dtype for name, dtype in schema(kind).items()):
                    continue
                table = with_columns_of(kind, pl.read_parquet(part))
            except (pl.exceptions.PolarsError, OSError) as error:
                raise StorageError(
                    f"{part} can't be read ({error}); restore it, or choose another --out"
                ) from error
            replace_table(part, table)


def with_columns_of(kind: type[Row], table: pl.DataFrame) -> pl.DataFrame:
    """The rows with the columns of `kind`, in their order; one that they lack is null. What others
    added comes after them.

    Raises polars' errors where a column is something else, or is not there and can't be null.
    """
    ours = [
        (pl.lit(None) if each.nullable and each.name not in table.columns else pl.col(each.name))
        .cast(each.dtype)
        .alias(each.name)
        for each in columns(kind)
    ]
    return table.select(*ours, pl.exclude(schema(kind).names()))
