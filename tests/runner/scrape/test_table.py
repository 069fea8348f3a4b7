"""server.parquet, made of pages."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from headrace.jobs import ScrapeFacts, ServerReading, check_tables, schema
from headrace.runner.errors import InterruptError, StorageError
from headrace.runner.scrape import Spool, table, with_table, write_server_table
from headrace.runner.scrape.spool import SpooledPage, pack
from headrace.runner.scrape.table import Understood

BEGAN = dt.datetime(2026, 6, 9, 8, 30, tzinfo=dt.UTC)


def utc(at_s: float) -> dt.datetime:
    return BEGAN + dt.timedelta(seconds=at_s)


def spooled(run: Path, *pages: bytes) -> Path:
    spool = Spool(run / "server.spool", 0o600)
    for number, page in enumerate(pages):
        spool.append(float(number), pack(page))
    spool.close()
    return spool.path


def test_each_series_of_each_page_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BATCH_ROWS", 2)  # so that there are several
    path = spooled(tmp_path, b'a 1\nb{x="y"} 2\n', b"a 3\nb NaN\nnonsense\n", b"<html>\n", b"a 4\n")
    found = write_server_table(tmp_path, path, utc=utc, check=lambda: None)
    rows = pl.read_parquet(tmp_path / "server.parquet")
    assert found == Understood(rows=4, empty=1, unread=2)
    assert rows.schema == schema(ServerReading)
    assert rows.rows() == [
        (utc(0), "a", "{}", 1.0),
        (utc(0), "b", '{"x":"y"}', 2.0),
        (utc(1), "a", "{}", 3.0),
        (utc(3), "a", "{}", 4.0),
    ]
    assert [each.name for each in tmp_path.iterdir()] == ["server.parquet"]
    check_tables(tmp_path)


def test_batches_are_of_so_many_rows_and_a_fault_in_between_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In polars' hands it would come out as another one."""
    monkeypatch.setattr(table, "BATCH_ROWS", 2)
    pages = [SpooledPage(float(n), b"a 1\nb 2\n") for n in range(3)]
    reader = table._Reader(utc, lambda: None)
    frames = list(reader.batches(pages))
    assert [len(each) for each in frames] == [2, 2, 2, 0]
    assert (reader.rows, reader.empty, reader.failure) == (6, 0, None)
    assert frames[1].row(0) == (utc(1), "a", "{}", 1.0)

    def check() -> None:
        raise InterruptError("enough")

    stopped = table._Reader(utc, check)
    assert list(stopped.batches(pages)) == []
    assert isinstance(stopped.failure, InterruptError)


def test_without_a_page_the_table_is_empty(tmp_path: Path) -> None:
    found = write_server_table(tmp_path, tmp_path / "server.spool", utc=utc, check=lambda: None)
    assert found.rows == 0
    assert pl.read_parquet(tmp_path / "server.parquet").schema == schema(ServerReading)


def test_who_wants_it_at_once_gets_no_table_and_the_pages_stay(tmp_path: Path) -> None:
    path = spooled(tmp_path, b"a 1\n")

    def check() -> None:
        raise InterruptError("interrupted")

    with pytest.raises(InterruptError):
        write_server_table(tmp_path, path, utc=utc, check=check)
    assert [each.name for each in tmp_path.iterdir()] == ["server.spool"]


def test_a_disk_that_refuses_is_an_error_that_says_where_the_pages_are(tmp_path: Path) -> None:
    path = spooled(tmp_path, b"a 1\n")
    (tmp_path / "server.parquet.new").mkdir()
    with pytest.raises(StorageError, match=r"server\.parquet.*is kept in .*server\.spool"):
        write_server_table(tmp_path, path, utc=utc, check=lambda: None)
    assert path.exists()


def test_pages_without_metrics_are_readings_that_failed() -> None:
    facts = ScrapeFacts(readings=5, failed=1, reasons={"HTTP 503": 1})
    found = with_table(facts, Understood(rows=9, empty=2, unread=3))
    assert (found.failed, found.rows, found.unread) == (3, 9, 3)
    assert found.reasons == {"HTTP 503": 1, "a page without metrics": 2}
    assert with_table(facts, Understood(rows=9, empty=0, unread=0)).reasons == facts.reasons


def test_hours_of_pages_of_thousands_of_series_are_accepted_when_read(tmp_path: Path) -> None:
    """Rows that hardly change take less than a byte each."""
    page = "".join(f'a{{n="{n}"}} {n}\n' for n in range(3000)).encode()
    path = spooled(tmp_path, *[page] * 60)
    assert write_server_table(tmp_path, path, utc=utc, check=lambda: None).rows == 180_000
    check_tables(tmp_path)
