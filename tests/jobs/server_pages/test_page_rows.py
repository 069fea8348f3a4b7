"""Tables made of pages."""

import datetime as dt

import pytest

from headrace.jobs import ScrapeFacts
from headrace.jobs.server_pages import PageRows, SpooledPage, Understood, page_rows, with_pages

BEGAN = dt.datetime(2026, 6, 9, 8, 30, tzinfo=dt.UTC)
PAGES = [SpooledPage(BEGAN + dt.timedelta(seconds=n), b"a 1\nb 2\n") for n in range(3)]


def test_a_table_is_of_so_many_rows_and_what_a_check_raises_comes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_rows, "BATCH_ROWS", 2)
    rows = PageRows()
    tables = list(rows.tables(PAGES))
    assert [len(each) for each in tables] == [2, 2, 2, 0]
    assert tables[1].row(0) == (BEGAN + dt.timedelta(seconds=1), "a", "{}", 1.0)
    assert rows.understood == Understood(pages=3, rows=6, empty=0, unread=0)

    def check() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(PageRows(check=check).tables(PAGES))


def test_only_the_series_that_are_asked_for_have_rows_and_all_are_counted() -> None:
    rows = PageRows(names={"b"})
    (table,) = rows.tables(PAGES)
    assert table["name"].to_list() == ["b"] * 3
    assert rows.understood.rows == 6


def test_pages_without_metrics_are_readings_that_failed() -> None:
    facts = ScrapeFacts(readings=5, failed=1, reasons={"HTTP 503": 1})
    found = with_pages(facts, Understood(pages=4, rows=9, empty=2, unread=3))
    assert (found.failed, found.rows, found.unread) == (3, 9, 3)
    assert found.reasons == {"HTTP 503": 1, "a page without metrics": 2}
    whole = Understood(pages=4, rows=9, empty=0, unread=0)
    assert with_pages(facts, whole).reasons == facts.reasons
    assert with_pages(None, whole) == ScrapeFacts(readings=4, failed=0, rows=9)
