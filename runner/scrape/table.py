"""server.parquet, made of the pages that were kept: a row for each series of each page."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from headrace.jobs import (
    SERVER_TABLE,
    PageRows,
    ServerReading,
    Understood,
    quiet_panics,
    schema,
    spooled_pages,
    sync_directory,
)

from ..errors import StorageError

ROW_GROUP_ROWS = 200_000


class _Tables:
    """The tables of a spool's pages for polars; what stops them is in `failure`, since polars would
    make it another."""

    def __init__(self, rows: PageRows, spool: Path) -> None:
        self.failure: BaseException | None = None
        self._rows, self._spool = rows, spool

    def source(
        self, _columns: Any, _predicate: Any, _rows: Any, _size: Any
    ) -> Iterator[pl.DataFrame]:
        """As polars asks for them."""
        try:
            yield from self._rows.tables(spooled_pages(self._spool) if self._spool.exists() else ())
        except Exception as error:
            self.failure = error


def write_server_table(run: Path, spool: Path, *, check: Callable[[], None]) -> Understood:
    """Make RUN/server.parquet of a spool, and remove the spool. Memory holds a batch of it.

    Args:
        run: the run directory.
        spool: the pages; where none was kept, the table is empty.
        check: called between two pages; what it raises comes out, and the spool stays.

    Returns:
        How much there was, and how much could not be read.

    Raises:
        StorageError: it can't be written.
    """
    rows = PageRows(check=check)
    tables = _Tables(rows, spool)
    beside, target = run / f"{SERVER_TABLE}.new", run / SERVER_TABLE
    try:
        with quiet_panics():
            register_io_source(tables.source, schema=schema(ServerReading)).sink_parquet(
                beside, compression="zstd", row_group_size=ROW_GROUP_ROWS, engine="streaming"
            )
        if tables.failure is not None:
            beside.unlink()
            raise tables.failure
        _put_in_place(beside, target)
        spool.unlink(missing_ok=True)
        sync_directory(run)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        said = str(error).partition("\n")[0]
        raise StorageError(
            f"cannot write {target} ({said}); what was read is kept in {spool}"
        ) from error
    return rows.understood


def _put_in_place(beside: Path, target: Path) -> None:
    descriptor = os.open(beside, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fchmod(descriptor, target.parent.stat().st_mode & 0o644)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(beside, target)
