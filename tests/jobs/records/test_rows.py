"""The rows of a run: their schemas, and what is written and read back."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from headrace.jobs import (
    Attempt,
    BalanceReading,
    Reask,
    Result,
    Score,
    ServerReading,
    columns,
    row_frame,
    schema,
)
from headrace.jobs.records.page import records_page
from headrace.jobs.records.rows import Row

UTC_US = pl.Datetime("us", "UTC")
MONEY = pl.Decimal(38, 12)

# As the design lists them, in its order.
RESULT = {
    "index": pl.Int64,
    "custom_id": pl.String,
    "url": pl.String,
    "model": pl.String,
    "status": pl.String,
    "http_status": pl.Int32,
    "error_code": pl.String,
    "error_message": pl.String,
    "request_id": pl.String,
    "finish_reason": pl.String,
    "text": pl.String,
    "response": pl.String,
    "attempts": pl.Int32,
    "input_tokens": pl.Int64,
    "cached_input_tokens": pl.Int64,
    "cache_write_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "reasoning_tokens": pl.Int64,
    "images": pl.Int64,
    "searches": pl.Int64,
    "cache_write_1h_tokens": pl.Int64,
    "vectors": pl.List(pl.List(pl.Float32)),
    "copy_of": pl.String,
    "cost": MONEY,
    "cost_note": pl.String,
    "reported_cost": MONEY,
    "currency": pl.String,
    "service": pl.String,
    "due_at": UTC_US,
    "sent_at": UTC_US,
    "ended_at": UTC_US,
    "wait_s": pl.Float64,
    "ttft_s": pl.Float64,
    "tpot_s": pl.Float64,
    "latency_s": pl.Float64,
    "total_s": pl.Float64,
    "body_digest": pl.String,
    "metadata": pl.String,
    "expected": pl.String,
}
ATTEMPT = {
    "index": pl.Int64,
    "custom_id": pl.String,
    "model": pl.String,
    "url": pl.String,
    "attempt": pl.Int32,
    "due_at": UTC_US,
    "sent_at": UTC_US,
    "wait_s": pl.Float64,
    "connect_s": pl.Float64,
    "first_byte_s": pl.Float64,
    "ttft_s": pl.Float64,
    "content_ttft_s": pl.Float64,
    "latency_s": pl.Float64,
    "client_lag_s": pl.Float64,
    "gaps_s": pl.List(pl.Float64),
    "http_status": pl.Int32,
    "error_kind": pl.String,
    "error_code": pl.String,
    "error_message": pl.String,
    "retry_after_s": pl.Float64,
    "request_id": pl.String,
    "input_tokens": pl.Int64,
    "cached_input_tokens": pl.Int64,
    "cache_write_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "reasoning_tokens": pl.Int64,
    "images": pl.Int64,
    "searches": pl.Int64,
    "cache_write_1h_tokens": pl.Int64,
    "cost": MONEY,
    "cost_note": pl.String,
    "reported_cost": MONEY,
    "service": pl.String,
    "ratelimit_limit": pl.Int64,
    "ratelimit_remaining": pl.Int64,
    "bytes_sent": pl.Int64,
    "bytes_received": pl.Int64,
    "connection_reused": pl.Boolean,
    "stream": pl.Boolean,
    "phase": pl.String,
    "cost_bound": pl.Decimal(38, 12),
    "probable_cost": pl.Decimal(38, 12),
}
AT = dt.datetime(2026, 6, 8, 23, 59, 59, 999_999, tzinfo=dt.UTC)


@pytest.mark.parametrize(("row", "expected"), [(Result, RESULT), (Attempt, ATTEMPT)])
def test_columns_are_those_of_the_design_in_order(row: type[Row], expected: dict[str, Any]) -> None:
    assert list(schema(row).items()) == list(pl.Schema(expected).items())


@pytest.mark.parametrize("row", [Result, Attempt, BalanceReading])
def test_a_column_may_be_null_exactly_where_the_field_may_be_left_out(row: type[Row]) -> None:
    optional = [field.name for field in msgspec.structs.fields(row) if not field.required]
    assert [column.name for column in columns(row) if column.nullable] == optional


FULL_RESULT = Result(
    index=2**40,
    custom_id="id-\u4e2d",
    url="/v1/messages",
    model="m",
    status="succeeded",
    http_status=200,
    finish_reason="stop",
    text="\u2028 line",
    response='{"a":1}',
    attempts=3,
    input_tokens=2**62,
    cached_input_tokens=0,
    vectors=[[0.5, -1.25], []],
    copy_of="first",
    cost=Decimal("99999999999999999999999999.999999999999"),
    currency="CNY",
    due_at=AT,
    sent_at=AT,
    ended_at=AT + dt.timedelta(microseconds=1),
    wait_s=0.1 + 0.2,
    total_s=86_400.000001,
    body_digest="0" * 32,
    metadata="null",
)
BARE_RESULT = Result(
    index=0,
    custom_id="b",
    url="/v1/messages",
    model="m",
    status="failed",
    attempts=1,
    due_at=AT,
    ended_at=AT,
    total_s=0.0,
    body_digest="",
)
FULL_ATTEMPT = Attempt(
    index=1,
    custom_id="a",
    model="m",
    url="/v1/chat/completions",
    attempt=2**31 - 1,
    due_at=AT,
    gaps_s=[0.002, 1e-9],
    error_kind="lost",
    cost=Decimal("0.000000000001"),
    connection_reused=False,
    stream=True,
    phase="drain",
)
BARE_ATTEMPT = Attempt(index=1, custom_id="a", model="m", url="u", attempt=1, due_at=AT)
READING = BalanceReading(
    read_at=AT,
    moment="before",
    spent=Decimal("3.250000000001"),
    http_status=200,
    currency="CNY",
    balance=Decimal("138.5"),
    decimals=2,
    service="east",
    daily_reset_at=dt.datetime.fromisoformat("2026-06-09T00:00:00+08:00"),
)


@pytest.mark.parametrize(
    ("row", "rows"),
    [
        (Result, [FULL_RESULT, BARE_RESULT]),
        (Attempt, [BARE_ATTEMPT, FULL_ATTEMPT]),
        (BalanceReading, [READING]),
    ],
)
def test_rows_come_back_from_parquet_as_they_were(
    row: type[Row], rows: list[Row], tmp_path: Path
) -> None:
    path = tmp_path / "part.parquet"
    row_frame(row, rows).write_parquet(path)
    stored = pl.read_parquet(path)
    assert stored.schema == schema(row)
    assert stored.rows(named=True) == [msgspec.structs.asdict(each) for each in rows]


@pytest.mark.parametrize("row", [Result, Attempt, BalanceReading])
def test_a_table_without_rows_keeps_its_columns(row: type[Row], tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    row_frame(row, []).write_parquet(path)
    stored = pl.read_parquet(path)
    assert stored.height == 0
    assert stored.schema == schema(row)


def test_the_page_in_docs_is_what_the_code_says() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "records.md").read_text(
        encoding="utf-8"
    )
    assert page == records_page(), (
        "run: python -m headrace.jobs.records.page > docs/reference/records.md"
    )


def test_the_page_has_every_column_of_the_design_with_its_meaning() -> None:
    rows = [line.split(" | ") for line in records_page().splitlines() if line.startswith("| `")]
    named = [row[0].strip("| `") for row in rows]
    tables = (BalanceReading, Score, Reask, ServerReading)
    others = [name for table in tables for name in table.__struct_fields__]
    assert named == [*RESULT, *ATTEMPT, *others]
    assert all(len(row[3].rstrip(" |")) > 3 for row in rows)


@pytest.mark.slow
def test_a_table_with_amounts_is_made_without_numpy() -> None:
    """Which takes longer to load than all else that a run does at its end."""
    code = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from headrace.jobs import BalanceReading, row_frame
row = BalanceReading(read_at=datetime.now(UTC), moment="after", spent=Decimal("0.000000000001"))
print(row_frame(BalanceReading, [row])["spent"][0], "numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1E-12 False"
