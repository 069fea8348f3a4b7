"""Rows of results that a newer result replaces: taken out of the parts that hold them.

A report takes the journal's result of a job only where no part has one. So the old row goes first,
then the part with the new one comes, and then the segment goes: at any instant there is one.
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from ..errors import StorageError
from .files import replace_file


def take_out(directory: Path, indexes: Iterable[int], *, before: int) -> None:
    """Rewrite each part of the results below this number without these jobs' rows.

    Doing it again changes nothing. Raises StorageError.
    """
    gone = pl.Series(sorted(indexes), dtype=pl.Int64)
    for part in sorted(directory.glob("part-*.parquet")):
        if int(part.stem.removeprefix("part-")) >= before:
            continue
        try:
            if not pl.read_parquet(part, columns=["index"])["index"].is_in(gone.implode()).any():
                continue
            kept = pl.read_parquet(part).filter(~pl.col("index").is_in(gone.implode()))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise StorageError(f"{part} can't be read ({error}); restore it") from error

        def write(beside: Path, kept: pl.DataFrame = kept) -> None:
            kept.write_parquet(beside, compression="zstd")

        replace_file(part, write)
