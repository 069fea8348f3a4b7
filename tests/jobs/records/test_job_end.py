"""The end of a job: what a result adds to its last attempt, and how it becomes whole again."""

import datetime as dt
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from headrace.jobs import (
    OF_LAST_ATTEMPT,
    Attempt,
    Ended,
    Finished,
    JobEnd,
    Result,
    Sent,
    read_journal_segment,
)

AT = dt.datetime(2026, 6, 9, 8, 30, tzinfo=dt.UTC)
LATER = AT + dt.timedelta(seconds=2)

LAST = Attempt(
    index=7,
    custom_id="seven",
    model="m",
    url="/v1/chat/completions",
    attempt=3,
    due_at=AT,
    sent_at=LATER,
    wait_s=2.0,
    ttft_s=0.5,
    latency_s=1.5,
    http_status=503,
    error_kind="http",
    error_message="busy",
    request_id="req-1",
    input_tokens=10,
    cached_input_tokens=4,
    cache_write_tokens=3,
    output_tokens=5,
    reasoning_tokens=2,
    images=1,
    searches=6,
    cache_write_1h_tokens=8,
    cost=Decimal("0.25"),
    cost_note="a note",
    reported_cost=Decimal("0.5"),
    service="east",
)
END = JobEnd(
    status="failed",
    error_code="http",
    error_message="busy (given up after 3 attempts)",
    finish_reason="stop",
    text="hello",
    response='{"a":1}',
    currency="CNY",
    ended_at=LATER,
    tpot_s=0.25,
    total_s=9.0,
    body_digest="d",
    metadata='{"k":1}',
    expected='"x"',
)
WHOLE = Result(
    index=7,
    custom_id="seven",
    url="/v1/chat/completions",
    model="m",
    status="failed",
    http_status=503,
    error_code="http",
    error_message="busy (given up after 3 attempts)",
    request_id="req-1",
    finish_reason="stop",
    text="hello",
    response='{"a":1}',
    attempts=3,
    input_tokens=10,
    cached_input_tokens=4,
    cache_write_tokens=3,
    output_tokens=5,
    reasoning_tokens=2,
    images=1,
    searches=6,
    cache_write_1h_tokens=8,
    cost=Decimal("0.25"),
    cost_note="a note",
    reported_cost=Decimal("0.5"),
    currency="CNY",
    service="east",
    due_at=AT,
    sent_at=LATER,
    ended_at=LATER,
    wait_s=2.0,
    ttft_s=0.5,
    tpot_s=0.25,
    latency_s=1.5,
    total_s=9.0,
    body_digest="d",
    metadata='{"k":1}',
    expected='"x"',
)


def test_a_result_has_its_last_attempts_columns_and_its_own() -> None:
    assert END.result(LAST) == WHOLE


def test_every_column_of_a_result_comes_from_one_place() -> None:
    own = JobEnd.__struct_fields__
    assert sorted([*OF_LAST_ATTEMPT, *own, "attempts"]) == sorted(Result.__struct_fields__)


def test_columns_of_one_name_are_of_one_type() -> None:
    def of(row: Any) -> dict[str, Any]:
        hints = get_type_hints(row)
        return {name: hints[name] for name in Result.__struct_fields__ if name in hints}

    result, attempt, end = of(Result), of(Attempt), of(JobEnd)
    # A result may lack the times that each attempt has: a copy has none.
    shared = {name: attempt[name] for name in OF_LAST_ATTEMPT}
    odd = [n for n, hint in (shared | end).items() if result[n] not in (hint, hint | None)]
    assert odd == ["vectors"]  # which are bytes until the result is whole
    assert len(shared | end) > 30


def test_the_reader_gives_whole_results_back(tmp_path: Path) -> None:
    segment = tmp_path / "000001.jsonl"
    sent = Sent(index=8, custom_id="b", model="m", url="/v1/x", attempt=1, due_at=AT, sent_at=AT)
    records = [Finished(attempt=LAST, job=END), sent, Ended(attempt=LAST, result=WHOLE)]
    segment.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    whole = Ended(attempt=LAST, result=WHOLE)
    assert list(read_journal_segment(segment)) == [whole, sent, whole]


def test_what_the_attempt_says_is_not_written_twice() -> None:
    written = msgspec.json.encode(Finished(attempt=LAST, job=END))
    assert written.count(b'"custom_id"') == written.count(b'"request_id"') == 1


def test_vectors_are_bytes_in_the_journal_and_numbers_in_a_result(tmp_path: Path) -> None:
    vectors = [struct.pack("<2f", 0.5, -2.0), struct.pack("<f", 1.0)]
    end = msgspec.structs.replace(END, vectors=vectors)
    segment = tmp_path / "000001.jsonl"
    segment.write_bytes(msgspec.json.encode(Finished(attempt=LAST, job=end)) + b"\n")
    [record] = read_journal_segment(segment)
    assert isinstance(record, Ended)
    assert record.result == msgspec.structs.replace(WHOLE, vectors=[[0.5, -2.0], [1.0]])
    assert b'"vectors":["AAAAPwAAAMA=","AACAPw=="]' in segment.read_bytes()
