"""A segment as tables: polars' reading of it against the records, one by one."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.jobs import (
    Attempt,
    BalanceRead,
    BalanceReading,
    Decided,
    Ended,
    Finished,
    JobEnd,
    Reask,
    Result,
    Sent,
    WrittenRecord,
    row_frame,
)
from headrace.runner import StorageError
from headrace.runner.record import tables
from headrace.runner.record.tables import tables_in

AT = dt.datetime(2026, 6, 9, 8, 30, 20, tzinfo=dt.UTC)
TEXT = st.text(max_size=20)
MAYBE_TEXT = st.none() | TEXT
COUNT = st.none() | st.integers(0, 2**63 - 1)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
MONEY = st.none() | st.decimals(0, 10**12, places=12) | st.integers(0, 10**9).map(Decimal)
# Hypothesis takes bounds without a zone.
FIRST, LAST = dt.datetime(1990, 1, 1), dt.datetime(2200, 1, 1)  # noqa: DTZ001
MOMENT = st.datetimes(FIRST, LAST, timezones=st.just(dt.UTC))

ATTEMPT = st.builds(
    Attempt,
    index=st.integers(0, 2**40),
    custom_id=TEXT,
    model=TEXT,
    url=TEXT,
    attempt=st.integers(1, 2**31 - 1),
    due_at=MOMENT,
    sent_at=st.none() | MOMENT,
    wait_s=NUMBER,
    ttft_s=NUMBER,
    gaps_s=st.none() | st.lists(st.floats(0, 1e6), max_size=4),
    http_status=st.none() | st.integers(100, 599),
    error_kind=st.sampled_from([None, "reset", "lost"]),
    error_code=MAYBE_TEXT,
    input_tokens=COUNT,
    cost=MONEY,
    cost_bound=MONEY,
    connection_reused=st.none() | st.booleans(),
)
END = st.builds(
    JobEnd,
    status=st.sampled_from(["succeeded", "failed"]),
    error_code=MAYBE_TEXT,
    error_message=MAYBE_TEXT,
    text=MAYBE_TEXT,
    response=MAYBE_TEXT,
    ended_at=MOMENT,
    tpot_s=NUMBER,
    total_s=st.floats(0, 1e9),
    body_digest=TEXT,
    metadata=MAYBE_TEXT,
)
SENT = st.builds(
    Sent,
    index=st.integers(0, 100),
    custom_id=TEXT,
    model=TEXT,
    url=TEXT,
    attempt=st.integers(1, 9),
    due_at=MOMENT,
    sent_at=MOMENT,
    reopened=st.booleans(),
)
REASK = st.builds(
    Reask, index=st.integers(0, 100), attempt=st.integers(1, 9), text=MAYBE_TEXT, why=TEXT
)
ENDED = st.builds(Ended, attempt=ATTEMPT, reask=st.none() | REASK)
FINISHED = st.builds(Finished, attempt=ATTEMPT, job=END)
RECORDS = st.lists(SENT | ENDED | FINISHED, max_size=12)


def written(folder: Path, records: list[Any], *, end: bytes = b"") -> Path:
    segment = folder / "000001.jsonl"
    lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
    segment.write_bytes(lines + end)
    return segment


def attempt(**fields: Any) -> Attempt:
    given = {"index": 0, "custom_id": "a", "model": "m", "url": "/v1/x", "attempt": 1, "due_at": AT}
    return Attempt(**{**given, **fields})


def end(**fields: Any) -> JobEnd:
    given: dict[str, Any] = {"status": "succeeded", "ended_at": AT, "total_s": 1.0}
    return JobEnd(**{**given, "body_digest": "d", **fields})


def result(**fields: Any) -> Result:
    given: dict[str, Any] = {
        **{"index": 0, "custom_id": "a", "model": "m", "url": "/v1/x", "status": "succeeded"},
        **{"attempts": 1, "due_at": AT, "ended_at": AT, "total_s": 1.0, "body_digest": "d"},
    }
    return Result(**{**given, **fields})


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(records=RECORDS)
def test_a_segment_read_at_once_has_the_rows_of_its_records(records: list[WrittenRecord]) -> None:
    """To the last digit of a float and of an amount, in their order."""
    whole = [record.ended() if isinstance(record, Finished) else record for record in records]
    ended = [record for record in whole if isinstance(record, Ended)]
    results = [each.result for each in ended if each.result is not None]
    with TemporaryDirectory() as folder:
        found = tables_in(written(Path(folder), records))
    assert found.attempts.equals(row_frame(Attempt, [each.attempt for each in ended]))
    assert found.attempts.schema == row_frame(Attempt, []).schema
    assert found.results.equals(row_frame(Result, results))
    assert found.results.schema == row_frame(Result, []).schema
    assert found.reopened == {
        record.index for record in records if isinstance(record, Sent) and record.reopened
    }
    assert len(found.readings) == 0


@pytest.mark.parametrize(
    "cost", ["0", "0E-12", "1.2E-7", "0.000000120000", "12345678901234567890.123456789012"]
)
def test_an_amount_is_the_same_however_it_is_written(tmp_path: Path, cost: str) -> None:
    record = Finished(attempt=attempt(cost=Decimal(cost)), job=end())
    found = tables_in(written(tmp_path, [record]))
    assert found.attempts["cost"][0] == found.results["cost"][0] == Decimal(cost)


def test_most_segments_are_not_read_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_segment: Path) -> None:
        raise AssertionError

    monkeypatch.setattr(tables, "_one_by_one", refuse)
    first = BalanceRead(reading=BalanceReading(read_at=AT, moment="before", spent=Decimal(0)))
    sent = Sent(index=0, custom_id="a", model="m", url="/v1/x", attempt=1, due_at=AT, sent_at=AT)
    record = Finished(attempt=attempt(cost=Decimal("0.000044")), job=end())
    found = tables_in(written(tmp_path, [first, sent, record]))
    assert (len(found.results), found.readings["moment"].to_list()) == (1, ["before"])


def test_rare_records_are_read_too(tmp_path: Path) -> None:
    reading = BalanceReading(read_at=AT, moment="before", spent=Decimal(0))
    records = [
        BalanceRead(reading=reading),
        Ended(attempt=attempt(), result=result(index=1)),
        Decided(result=result(index=2, status="failed"), replaces=True),
    ]
    found = tables_in(written(tmp_path, records))
    assert found.readings.equals(row_frame(BalanceReading, [reading]))
    assert found.results["index"].to_list() == [1, 2]
    assert found.reopened == {2}


def test_a_torn_last_record_is_left_out(tmp_path: Path) -> None:
    whole = Ended(attempt=attempt())
    torn = msgspec.json.encode(Ended(attempt=attempt(index=1)))
    assert len(tables_in(written(tmp_path, [whole], end=torn[:-9])).attempts) == 1
    # Torn just before its newline it is whole.
    assert len(tables_in(written(tmp_path, [whole], end=torn)).attempts) == 2


@pytest.mark.slow
def test_a_job_whose_end_is_torn_is_left_out_whole(tmp_path: Path) -> None:
    """Its attempt too: it counts as lost, and the job runs again."""
    torn = msgspec.json.encode(Finished(attempt=attempt(index=1), job=end(text='a, "job":')))
    for cut in range(1, len(torn)):
        found = tables_in(written(tmp_path, [Ended(attempt=attempt())], end=torn[:-cut]))
        assert (len(found.attempts), len(found.results)) == (1, 0), torn[:-cut]
    assert found.attempts["index"].to_list() == [0]


def test_results_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    records = [
        Ended(attempt=attempt(cost=Decimal(1)), result=result(text="old", cost=Decimal(2))),
        Finished(attempt=attempt(index=1, cost=Decimal(3)), job=end(text="new")),
    ]
    found = tables_in(written(tmp_path, records)).results
    assert found.select("index", "text", "cost").rows() == [
        (0, "old", Decimal(2)),
        (1, "new", Decimal(3)),
    ]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b'"index":0,', b'"indey":0,'),
        (b'"attempt":1,', b'"attempt":"1",'),
        (b'"due_at":"2026-06-09T', b'"due_at":"2026-66-09T'),
        (b'"model":"m"', b'"model":"m'),
        (b'{"type":"ended"', b'{"type":"endec"'),
    ],
)
def test_a_damaged_record_is_refused_by_its_line(tmp_path: Path, good: bytes, bad: bytes) -> None:
    """Never read as something else, nor passed over."""
    segment = written(tmp_path, [Ended(attempt=attempt()) for _ in range(3)])
    lines = segment.read_bytes().split(b"\n")
    assert good in lines[1]
    lines[1] = lines[1].replace(good, bad, 1)
    segment.write_bytes(b"\n".join(lines))
    with pytest.raises(StorageError, match="line 2 of"):
        tables_in(segment)
