"""The rows of server.parquet, made of pages: one for each series of each page."""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

import msgspec
import polars as pl

from ..records import ScrapeFacts, ServerReading, schema
from .prometheus_text import PageParser, Series
from .spool_file import EPOCH, MICROSECOND, SpooledPage

BATCH_ROWS = 200_000


class Understood(NamedTuple):
    """What came of so many pages: `empty` ones had no metrics, `unread` lines could not be read."""

    pages: int
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


class PageRows:
    """Makes tables of pages, and counts: `pages`, of which `empty` ones had no metrics, `rows`, and
    lines that could not be `unread`.

    `check` is called between two pages, and what it raises comes out. Of series that are not in
    `names` there are no rows; None is all.
    """

    def __init__(
        self, *, names: Collection[str] | None = None, check: Callable[[], None] | None = None
    ) -> None:
        self.pages = self.rows = self.empty = self.unread = 0
        self._names = names
        self._check = check

    def tables(self, pages: Iterable[SpooledPage]) -> Iterator[pl.DataFrame]:
        """Tables of so many rows that memory holds one of them; at least one, if empty."""
        parser, batch, names = PageParser(), _Batch(), self._names
        for at, text in pages:
            if self._check is not None:
                self._check()
            found = parser.page(text.decode("utf-8", errors="replace"))
            self.pages += 1
            self.unread += found.unread
            self.empty += not found.samples
            self.rows += len(found.samples)
            at_us = (at - EPOCH) // MICROSECOND
            for series, value in found.samples:
                if names is None or series.name in names:
                    batch.code.append(batch.codes.setdefault(series, len(batch.codes)))
                    batch.value.append(value)
                    batch.at_us.append(at_us)
            if len(batch.at_us) >= BATCH_ROWS:
                yield batch.frame()
                batch = _Batch()
        yield batch.frame()

    @property
    def understood(self) -> Understood:
        """What came of the pages."""
        return Understood(self.pages, self.rows, self.empty, self.unread)


def with_pages(facts: ScrapeFacts | None, table: Understood) -> ScrapeFacts:
    """How the readings went, with what came of the pages: one without metrics failed too.

    Args:
        facts: of the readings; None of a run that did not end, whose pages are all that is known.
        table: what came of the pages.
    """
    if facts is None:
        facts = ScrapeFacts(readings=table.pages, failed=0)
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
