"""Sealing: a journal segment becomes Parquet parts that bear its name, and is then removed.

Written beside, synced and renamed: a crash at any point leaves either the segment, from which the
same parts come again, or the parts. Several workers seal at once; what is not theirs alone is
changed by one after the other.
"""

from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl

from headrace.jobs import (
    Attempt,
    BalanceReading,
    Result,
    SegmentName,
    row_frame,
    sync_directory,
)

from ..errors import StorageError
from .files import make_directory, storage
from .lock import held
from .reasks import add_reasks, reask_frame
from .replaced import replace_table, take_out
from .tables import tables_in
from .upgrade import with_columns_of


def seal(run: Path, name: SegmentName, segment: Path, *, damaged: bool = False) -> None:
    """Turn one closed segment into parts. Raises StorageError.

    Of a `damaged` one the whole lines become parts, and the file itself is kept in `damaged/`.
    """
    found = tables_in(segment, skip_damaged=damaged)
    # Attempts first: a result without its attempts would be money that no total has.
    if len(found.attempts):
        write_part(run / "attempts", name, found.attempts)
    if replaced := found.reopened & set(found.results["index"]):
        with _alone(run):
            take_out(run / "results", replaced, but=name)
    if len(found.results):
        write_part(run / "results", name, found.results)
    if found.reasks:
        with _alone(run):
            add_reasks(run, reask_frame(found.reasks))
    if len(found.readings):
        with _alone(run):
            _add_readings(run / "balance.parquet", found.readings)
    with storage(segment):
        if damaged:
            make_directory(run / "damaged")
            segment.replace(run / "damaged" / segment.name)
            sync_directory(run / "damaged")
        else:
            segment.unlink()
        sync_directory(segment.parent)


def _alone(run: Path) -> AbstractContextManager[None]:
    """Hold back other processes that seal for this run, which would each write a table anew without
    what the other has added. Raises StorageError."""
    return held(run / "attempts")


def write_part(directory: Path, name: SegmentName, table: pl.DataFrame) -> None:
    """Write one part of a table."""
    with storage(directory):
        make_directory(directory)
    replace_table(directory / f"part-{name}.parquet", table)


def ensure_parts(run: Path) -> None:
    """Give each table that has no part an empty one, so that a scan finds its columns."""
    tables: tuple[tuple[str, type[Attempt] | type[Result]], ...] = (
        ("results", Result),
        ("attempts", Attempt),
    )
    for name, kind in tables:
        if not any((run / name).glob("*.parquet")):
            write_part(run / name, SegmentName(0), row_frame(kind, []))


def _add_readings(path: Path, table: pl.DataFrame) -> None:
    if path.exists():
        # Sealing again after a crash must not add a reading twice.
        try:
            known = with_columns_of(BalanceReading, pl.read_parquet(path))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise StorageError(f"{path} can't be read ({error}); restore it") from error
        table = pl.concat([known, table], how="diagonal")  # somebody may have added columns
        table = table.unique(BalanceReading.KEY, keep="first", maintain_order=True)
    replace_table(path, table)
