"""reasks.parquet: answers that did not fit, and whose jobs were asked again."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from headrace.jobs import SCHEMA_CODE, Reask, Result, row_frame, schema, sealed_rows

from ..errors import StorageError
from .replaced import replace_table
from .upgrade import with_columns_of

FILE = "reasks.parquet"
KEY = ["index", "attempt"]


def add_reasks(run: Path, fresh: pl.DataFrame) -> None:
    """Add rows to the table; those that it has already, as after a crash, are not added twice.

    Raises StorageError.
    """
    path = run / FILE
    if path.exists():
        try:
            known = with_columns_of(Reask, pl.read_parquet(path))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise StorageError(f"{path} can't be read ({error}); restore it") from error
        fresh = pl.concat([known, fresh], how="diagonal")
        fresh = fresh.unique(KEY, keep="first", maintain_order=True)
    replace_table(path, fresh)


def keep_unfit_answers(run: Path) -> None:
    """Before failed jobs are asked again: the answers that did not fit, which their next results
    will take the place of. Doing it again changes nothing. Raises StorageError."""
    parts = sorted((run / "results").glob("*.parquet"))
    if not parts:
        return
    unfit = (
        sealed_rows(parts, Result)
        .filter(pl.col("status") == "failed", pl.col("error_code") == SCHEMA_CODE)
        .filter(pl.col("attempts") > 0)  # of copies the first has it
        .select(
            "index",
            pl.col("attempts").alias("attempt"),
            "text",
            pl.col("error_message").fill_null("it does not fit").alias("why"),
        )
    )
    try:
        rows = unfit.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(f"{run / 'results'} can't be read ({error}); restore it") from error
    if len(rows):
        add_reasks(run, rows.select(schema(Reask).names()).cast(schema(Reask)))


def reasks_of(run: Path, since: pl.DataFrame, passed_over: Iterable[int]) -> dict[int, list[Reask]]:
    """How the jobs have been asked that have no result which stands, by their lines.

    Args:
        run: the run directory.
        since: `index` and `attempts` of results: what came before these attempts was another
            question, or is answered. A job that is done has -1.
        passed_over: lines that are others now.

    Raises:
        StorageError: the table can't be read.
    """
    path = run / FILE
    if not path.exists():
        return {}
    gone = pl.Series(list(passed_over), dtype=pl.Int64)
    try:
        rows = (
            sealed_rows([path], Reask)
            .join(since.lazy(), on="index", how="left")
            .filter(pl.col("attempts").is_null() | (pl.col("attempts") >= 0))
            .filter(pl.col("attempt") >= pl.col("attempts").fill_null(0))
            .filter(~pl.col("index").is_in(gone.implode()))
            .sort(KEY)
            .select(schema(Reask).names())
            .collect()
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(f"{path} can't be read ({error}); restore it") from error
    found: dict[int, list[Reask]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["index"], []).append(Reask(**row))
    return found


def reask_frame(rows: Iterable[Reask]) -> pl.DataFrame:
    """Rows of the journal as a table."""
    return row_frame(Reask, rows)
