"""Tables of somebody else: no value that nothing could be counted with, and no rows without end."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from headrace.jobs import (
    Attempt,
    BalanceReading,
    InputError,
    Result,
    check_row_count,
    check_rows,
    check_tables,
    columns,
    row_frame,
    schema,
)

AT = datetime(2026, 6, 8, tzinfo=UTC)
RESULT = Result(
    index=0,
    custom_id="a",
    model="m",
    url="/v1/messages",
    status="succeeded",
    attempts=1,
    due_at=AT,
    ended_at=AT,
    total_s=0.5,
    body_digest="0" * 32,
)
ATTEMPT = Attempt(
    index=0, custom_id="a", model="m", url="/v1/messages", attempt=1, due_at=AT, sent_at=AT
)
READING = BalanceReading(read_at=AT, moment="before", spent=Decimal(0))


def test_rows_of_ours_are_taken_and_those_that_lack_a_later_column() -> None:
    for row in (RESULT, ATTEMPT, READING):
        table = row_frame(type(row), [row])
        check_rows(table.lazy(), type(row), Path("here"))
    old = row_frame(Attempt, [ATTEMPT]).drop("content_ttft_s")
    check_rows(old.lazy(), Attempt, Path("here"))
    assert "content_ttft_s" not in old.columns


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("index", -1),
        ("index", 2**40),
        ("attempts", None),
        ("total_s", float("nan")),
        ("latency_s", float("inf")),
        ("ended_at", datetime(9999, 12, 31, 12, tzinfo=UTC)),
        ("sent_at", datetime(1, 1, 1, tzinfo=UTC)),
        ("status", "invented"),
        ("custom_id", None),
    ],
)
def test_a_value_that_no_run_records_is_named_by_its_column(name: str, value: Any) -> None:
    column = pl.lit(value, dtype=schema(Result)[name])
    table = pl.concat([row_frame(Result, [RESULT, RESULT])] * 2).with_columns(column.alias(name))
    with pytest.raises(InputError, match=f"here holds a value .* in the column {name};"):
        check_rows(table.lazy(), Result, Path("here"))


def test_the_next_attempt_of_a_job_still_has_a_number() -> None:
    table = row_frame(Attempt, [ATTEMPT]).with_columns(
        pl.lit(2**31 - 1, dtype=pl.Int32).alias("attempt")
    )
    with pytest.raises(InputError, match="in the column attempt;"):
        check_rows(table.lazy(), Attempt, Path("here"))


@pytest.mark.parametrize("kind", [Result, Attempt, BalanceReading])
def test_a_column_of_another_type_or_none_is_named(kind: Any) -> None:
    row = {Result: RESULT, Attempt: ATTEMPT, BalanceReading: READING}[kind]
    table = row_frame(kind, [row])
    for column in columns(kind):
        other = table.with_columns(pl.lit([[1]]).alias(column.name))
        with pytest.raises(InputError, match=f"in the column {column.name}, not "):
            check_rows(other.lazy(), kind, Path("here"))
    needed = [column.name for column in columns(kind) if not column.nullable]
    with pytest.raises(InputError, match=f"lacks the column {needed[0]}"):
        check_rows(table.drop(needed[0]).lazy(), kind, Path("here"))


@pytest.mark.slow
def test_a_small_file_that_claims_millions_of_rows_is_refused_unread(tmp_path: Path) -> None:
    bomb = tmp_path / "results" / "part-000001.parquet"
    bomb.parent.mkdir()
    rows = row_frame(Result, [RESULT]).lazy()
    many = rows.select(pl.all().repeat_by(3_000_000).explode())
    many.select("index", "custom_id").sink_parquet(bomb)
    assert bomb.stat().st_size < 20_000
    with pytest.raises(InputError, match="claims 3,000,000 rows in fewer bytes than that"):
        check_row_count([bomb], Result)
    with pytest.raises(InputError, match="claims 3,000,000 rows"):
        check_tables(tmp_path)


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "balance.parquet").write_bytes(b"PAR1 and so on")
    with pytest.raises(InputError, match=r"balance\.parquet can't be read \("):
        check_tables(tmp_path)
