"""server.parquet, made of pages."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from headrace.jobs import ServerReading, Understood, check_tables, packed_page, schema
from headrace.runner.errors import InterruptError, StorageError
from headrace.runner.scrape import Spool, write_server_table

BEGAN = dt.datetime(2026, 6, 9, 8, 30, tzinfo=dt.UTC)


def utc(at_s: float) -> dt.datetime:
    return BEGAN + dt.timedelta(seconds=at_s)


def spooled(run: Path, *pages: bytes) -> Path:
    spool = Spool(run / "server.spool", 0o600)
    for number, page in enumerate(pages):
        spool.append(utc(number), packed_page(page))
    spool.close()
    return spool.path


def test_each_series_of_each_page_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.jobs.server_pages.page_rows.BATCH_ROWS", 2)  # several of them
    path = spooled(tmp_path, b'a 1\nb{x="y"} 2\n', b"a 3\nb NaN\nnonsense\n", b"<html>\n", b"a 4\n")
    found = write_server_table(tmp_path, path, check=lambda: None)
    rows = pl.read_parquet(tmp_path / "server.parquet")
    assert found == Understood(pages=4, rows=4, empty=1, unread=2)
    assert rows.schema == schema(ServerReading)
    assert rows.rows() == [
        (utc(0), "a", "{}", 1.0),
        (utc(0), "b", '{"x":"y"}', 2.0),
        (utc(1), "a", "{}", 3.0),
        (utc(3), "a", "{}", 4.0),
    ]
    assert [each.name for each in tmp_path.iterdir()] == ["server.parquet"]
    check_tables(tmp_path)


def test_without_a_page_the_table_is_empty(tmp_path: Path) -> None:
    found = write_server_table(tmp_path, tmp_path / "server.spool", check=lambda: None)
    assert found.rows == 0
    assert pl.read_parquet(tmp_path / "server.parquet").schema == schema(ServerReading)


def test_who_wants_it_at_once_gets_no_table_and_the_pages_stay(tmp_path: Path) -> None:
    path = spooled(tmp_path, b"a 1\n")

    def check() -> None:
        raise InterruptError("interrupted")

    with pytest.raises(InterruptError):
        write_server_table(tmp_path, path, check=check)
    assert [each.name for each in tmp_path.iterdir()] == ["server.spool"]


def test_a_disk_that_refuses_is_an_error_that_says_where_the_pages_are(tmp_path: Path) -> None:
    path = spooled(tmp_path, b"a 1\n")
    (tmp_path / "server.parquet.new").mkdir()
    with pytest.raises(StorageError, match=r"server\.parquet.*is kept in .*server\.spool"):
        write_server_table(tmp_path, path, check=lambda: None)
    assert path.exists()


def test_hours_of_pages_of_thousands_of_series_are_accepted_when_read(tmp_path: Path) -> None:
    """Rows that hardly change take less than a byte each."""
    page = "".join(f'a{{n="{n}"}} {n}\n' for n in range(3000)).encode()
    path = spooled(tmp_path, *[page] * 60)
    assert write_server_table(tmp_path, path, check=lambda: None).rows == 180_000
    check_tables(tmp_path)
