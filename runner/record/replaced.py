"""Rows of results that a newer result replaces: taken out of the parts that hold them.

A report takes the journal's result of a job only where no part has one. So the old row goes first,
then the part with the new one comes, and then the segment goes: at any instant there is one. A
session decides a job once, so whatever another part says of it is older.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from headrace.jobs import SegmentName, numbered_files

from ..errors import StorageError
from .files import replace_file


def take_out(directory: Path, indexes: Iterable[int], *, but: SegmentName) -> None:
    """Rewrite each part of the results, but the one of this segment, without these jobs' rows.

    Doing it again changes nothing. Raises StorageError.
    """
    gone = pl.Series(sorted(indexes), dtype=pl.Int64)
    for name, part in numbered_files(directory, "part-", ".parquet"):
        if name == but:
            continue
        try:
            if not pl.read_parquet(part, columns=["index"])["index"].is_in(gone.implode()).any():
                continue
            kept = pl.read_parquet(part).filter(~pl.col("index").is_in(gone.implode()))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise StorageError(f"{part} can't be read ({error}); restore it") from error
        replace_table(part, kept)


def replace_table(path: Path, table: pl.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all. Raises StorageError.

    It is made in memory: what a full disk says to polars comes out as no OSError.
    """
    made = io.BytesIO()
    table.write_parquet(made, compression="zstd")
    replace_file(path, made.getvalue())
