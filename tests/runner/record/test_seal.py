"""Readings of the balance, which each segment adds to one table."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from headrace.jobs import BalanceRead, BalanceReading, SegmentName
from headrace.runner.errors import StorageError
from headrace.runner.record.seal import seal

pytestmark = pytest.mark.usefixtures("no_sync")

AT = datetime(2026, 6, 9, 8, 30, tzinfo=UTC)


def sealed(run: Path, number: int, *readings: BalanceReading) -> pl.DataFrame:
    """The table once a segment with these readings was sealed."""
    segment = run / "journal" / f"{number:06}.jsonl"
    segment.parent.mkdir(parents=True, exist_ok=True)
    (run / "attempts").mkdir(exist_ok=True)
    lines = [msgspec.json.encode(BalanceRead(reading=each)) + b"\n" for each in readings]
    segment.write_bytes(b"".join(lines))
    seal(run, SegmentName(number), segment)
    return pl.read_parquet(run / "balance.parquet")


def reading(service: str | None, **fields: Any) -> BalanceReading:
    return BalanceReading(read_at=AT, moment="before", spent=Decimal(0), service=service, **fields)


def test_readings_of_two_services_at_one_moment_are_both_kept(tmp_path: Path) -> None:
    """As where a session begins: all accounts are read at once."""
    sealed(tmp_path, 1, reading("a"))
    table = sealed(tmp_path, 2, reading("a"), reading("b"), reading(None))
    assert table["service"].to_list() == ["a", "b", None]
    assert sealed(tmp_path, 3, reading("b")).equals(table)  # once more, after a crash


@pytest.mark.parametrize("amount", ["1e999999999", "1e30", "-1e999999999"])
def test_a_reading_of_an_amount_that_no_column_takes_is_refused_in_a_line(
    tmp_path: Path, amount: str
) -> None:
    """As in a journal of somebody else: before anything of its segment is written."""
    with pytest.raises(StorageError, match="holds a number that no column takes; restore it"):
        sealed(tmp_path, 1, reading("a", daily_budget=Decimal(amount)))
    assert not (tmp_path / "balance.parquet").exists()
