"""docs/reference/records.md, written from the schemas themselves.

python -m headrace.jobs.records.page > docs/reference/records.md
"""

import sys
from typing import Any

import polars as pl

from .rows import (
    SCHEMA_VERSION,
    Attempt,
    BalanceReading,
    Reask,
    Result,
    Row,
    Score,
    ServerReading,
    columns,
)

TABLES: tuple[tuple[str, str, type[Row]], ...] = (
    ("Results", "RUN/results/*.parquet", Result),
    ("Attempts", "RUN/attempts/*.parquet", Attempt),
    ("Balance", "RUN/balance.parquet", BalanceReading),
    ("Scores", "RUN/scores/NAME/*.parquet", Score),
    ("Reasks", "RUN/reasks.parquet", Reask),
    ("Server", "RUN/server.parquet", ServerReading),
)


def records_page() -> str:
    """The page, in Markdown."""
    parts = [
        "# Records: the columns of a run",
        f"Schema version {SCHEMA_VERSION}. Written by `python -m headrace.jobs.records.page > "
        "docs/reference/records.md`; change the annotations in `jobs/records/rows.py`, not this "
        "page.",
        'Any reader of Parquet will do: `pl.scan_parquet("RUN/results/*.parquet")`, DuckDB\'s '
        "`read_parquet`, pandas. Times are UTC to the microsecond, durations are seconds, money is "
        "decimal with 12 places.",
    ]
    for title, path, row in TABLES:
        parts.append(f"## {title}: `{path}`")
        if row.__doc__ is not None:
            parts.append(row.__doc__.strip())
        parts.append(_table(row))
    return "\n\n".join(parts) + "\n"


def _table(row: type[Row]) -> str:
    lines = ["| column | type | null | meaning |", "| --- | --- | --- | --- |"]
    for column in columns(row):
        null = "yes" if column.nullable else ""
        meaning = column.meaning.replace("|", "\\|")
        lines.append(f"| `{column.name}` | {_type(column.dtype)} | {null} | {meaning} |")
    return "\n".join(lines)


def _type(dtype: Any) -> str:
    if isinstance(dtype, pl.List):
        return f"list of {_type(dtype.inner)}"
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "timestamp, UTC"
    return str(dtype).lower()


if __name__ == "__main__":
    sys.stdout.write(records_page())
