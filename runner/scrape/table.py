"""server.parquet, made of the pages that were kept: a row for each series of each page."""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
from polars.io.plugins import register_io_source

from headrace.jobs import (
    SERVER_TABLE,
    ScrapeFacts,
    ServerReading,
    quiet_panics,
    schema,
    sync_directory,
)

from ..errors import StorageError
from .prometheus_text import PageParser, Series
from .spool import SpooledPage, spooled_pages

BATCH_ROWS = 200_000


class Understood(NamedTuple):
    """What came of the pages: `empty` ones had no metrics, `unread` lines could not be read."""

    rows: int
    empty: int
    unread: int


class _Batch:
    """Rows as numbers: each series stands once."""

    def __init__(self) -> None:
        self.codes: dict[Series, int] = {}
        self.at_us = array("q")
        self.code = array("I")
        self.value = array("d")

    def frame(self) -> pl.DataFrame:
        names = pl.Series([each.name for each in self.codes], dtype=pl.String)
        labels = pl.Series([each.labels for each in self.codes], dtype=pl.String)
        code = pl.Series(self.code, dtype=pl.UInt32)
        return pl.DataFrame(
            {
                "at": pl.Series(self.at_us, dtype=pl.Int64).cast(schema(ServerReading)["at"]),
                "name": names.gather(code),
                "labels": labels.gather(code),
                "value": pl.Series(self.value, dtype=pl.Float64),
            }
        )


class _Reader:
    """Makes batches of pages, and counts."""

    def __init__(self, utc: Callable[[float], datetime], check: Callable[[], None]) -> None:
        self.rows = self.empty = self.unread = 0
        self.failure: BaseException | None = None
        self._utc = utc
        self._check = check

    def batches(self, pages: Iterable[SpooledPage]) -> Iterator[pl.DataFrame]:
        """As tables; what stops it is in `failure`, since polars would make it another."""
        parser, batch = PageParser(), _Batch()
        try:
            for at_s, text in pages:
                self._check()
                found = parser.page(text.decode("utf-8", errors="replace"))
                self.unread += found.unread
                self.empty += not found.samples
                at_us = int(self._utc(at_s).timestamp() * 1e6)
                for series, value in found.samples:
                    batch.code.append(batch.codes.setdefault(series, len(batch.codes)))
                    batch.value.append(value)
                batch.at_us.extend([at_us] * len(found.samples))
                if len(batch.at_us) >= BATCH_ROWS:
                    yield self._counted(batch)
                    batch = _Batch()
            yield self._counted(batch)
        except Exception as error:
            self.failure = error

    def _counted(self, batch: _Batch) -> pl.DataFrame:
        self.rows += len(batch.at_us)
        return batch.frame()


def with_table(facts: ScrapeFacts, table: Understood) -> ScrapeFacts:
    """How the readings went, with what came of the pages: one without metrics failed too."""
    reasons = dict(facts.reasons)
    if table.empty:
        reasons["a page without metrics"] = table.empty
    return msgspec.structs.replace(
        facts,
        failed=facts.failed + table.empty,
        reasons=reasons,
        rows=table.rows,
        unread=table.unread,
    )


def write_server_table(
    run: Path, spool: Path, *, utc: Callable[[float], datetime], check: Callable[[], None]
) -> Understood:
    """Make RUN/server.parquet of a spool, and remove the spool. Memory holds a batch of it.

    Args:
        run: the run directory.
        spool: the pages; where none was kept, the table is empty.
        utc: dates a moment on trio's clock.
        check: called between two pages; what it raises comes out, and the spool stays.

    Returns:
        How much there was, and how much could not be read.

    Raises:
        StorageError: it can't be written.
    """
    reader = _Reader(utc, check)
    beside, target = run / f"{SERVER_TABLE}.new", run / SERVER_TABLE

    def source(_columns: Any, _predicate: Any, _rows: Any, _size: Any) -> Iterator[pl.DataFrame]:
        yield from reader.batches(spooled_pages(spool) if spool.exists() else ())

    try:
        with quiet_panics():
            register_io_source(source, schema=schema(ServerReading)).sink_parquet(
                beside, compression="zstd", row_group_size=BATCH_ROWS, engine="streaming"
            )
        if reader.failure is not None:
            beside.unlink()
            raise reader.failure
        _put_in_place(beside, target)
        spool.unlink(missing_ok=True)
        sync_directory(run)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        said = str(error).partition("\n")[0]
        raise StorageError(
            f"cannot write {target} ({said}); what was read is kept in {spool}"
        ) from error
    return Understood(reader.rows, reader.empty, reader.unread)


def _put_in_place(beside: Path, target: Path) -> None:
    descriptor = os.open(beside, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fchmod(descriptor, target.parent.stat().st_mode & 0o644)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(beside, target)
