"""The results of a few jobs, from the parts and from the journal."""

from collections.abc import Collection
from pathlib import Path

import polars as pl

from headrace.jobs import Decided, Ended, Result, schema

from ..errors import StorageError
from .journal import journalled


def results_at(run: Path, indexes: Collection[int]) -> dict[int, Result]:
    """The results of the jobs at these lines, as far as they have one: the latest of each.

    Raises StorageError where a part can't be read.
    """
    wanted = pl.Series(sorted(indexes), dtype=pl.Int64)
    known = set(indexes)
    fresh: dict[int, Result] = {}
    for record in journalled(run):
        result = record.result if isinstance(record, Ended | Decided) else None
        if result is not None and result.index in known:
            fresh[result.index] = result
    sealed: dict[int, Result] = {}
    for part in sorted((run / "results").glob("*.parquet")):
        try:
            rows = pl.scan_parquet(part).filter(pl.col("index").is_in(wanted.implode()))
            found = rows.select(schema(Result).names()).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise StorageError(f"{part} can't be read ({error}); restore it") from error
        sealed |= {row["index"]: Result(**row) for row in found.iter_rows(named=True)}
    return sealed | fresh
