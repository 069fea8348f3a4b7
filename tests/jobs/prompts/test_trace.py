"""Traces of real traffic, in the forms that are published."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError, Trace, read_trace

MOONCAKE = """\
{"timestamp": 1000, "input_length": 1200, "output_length": 52, "hash_ids": [0, 1, 2]}

{"timestamp": 3500, "input_length": 30, "output_length": 7}
{"timestamp": 3500, "input_length": 1100, "output_length": 9, "hash_ids": [0, 3, 4]}
"""
BURST_GPT = """\
Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
118.5,GPT-4,417,0,417,API log
45,ChatGPT,1087,230,1317,Conversation log
"""
AZURE = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:47.1805900,396,109
"""
AZURE_2024 = AZURE.replace("6805900", "680590+00:00").replace("1805900", "180590+00:00")
CHATS = [
    {"chat_id": 7, "parent_chat_id": -1, "timestamp": 30.25, "input_length": 33, "turn": 1},
    {"chat_id": 8, "parent_chat_id": 7, "timestamp": 31.5, "input_length": 17, "turn": 2},
]
BAILIAN = "".join(
    json.dumps({**chat, "output_length": 5, "hash_ids": [1, 2, 3][: turn + 1]}) + "\n"
    for turn, chat in zip((2, 1), CHATS, strict=True)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def read(path: Path, content: str | bytes, **options: object) -> Trace:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_trace(str(path), **options)  # type: ignore[arg-type]


def line(timestamp: float | None = None, **more: object) -> str:
    known = {} if timestamp is None else {"timestamp": timestamp}
    return json.dumps({**known, "input_length": 20, "output_length": 5, **more}) + "\n"


def test_a_mooncake_trace_is_read(path: Path) -> None:
    trace = read(path, gzip.compress(MOONCAKE.encode()))
    assert list(trace.times_s) == [0.0, 2.5, 2.5]
    assert list(trace.input_tokens) == [1200, 30, 1100]
    assert list(trace.output_tokens) == [52, 7, 9]
    assert trace.blocks == [(0, 1, 2), (), (0, 3, 4)]
    assert (trace.requests, trace.block_tokens, trace.unit) == (3, 512, "ms")


def test_a_burst_gpt_trace_is_read_in_order_of_time(path: Path) -> None:
    trace = read(path, BURST_GPT)
    assert list(trace.times_s) == [0.0, 40.0, 113.5]
    assert list(trace.input_tokens) == [472, 1087, 417]
    assert list(trace.output_tokens) == [18, 230, 1]


@pytest.mark.parametrize("content", [AZURE, AZURE_2024])
def test_an_azure_trace_has_moments(path: Path, content: str) -> None:
    trace = read(path, content)
    assert list(trace.times_s) == pytest.approx([0.0, 0.5], abs=1e-6)
    assert list(trace.input_tokens) == [374, 396]
    assert list(trace.output_tokens) == [44, 109]
    assert trace.announcement().endswith(": 2 requests over 500 ms, 4/s on average")


def test_alibabas_traces_are_in_seconds_and_blocks_of_16(path: Path) -> None:
    trace = read(path, BAILIAN)
    assert list(trace.times_s) == [0.0, 1.25]
    assert trace.blocks == [(1, 2, 3), (1, 2)]
    assert (trace.block_tokens, trace.unit) == (16, "s")


def test_a_line_with_a_delay_follows_its_session(path: Path) -> None:
    content = line(500, session_id="a") + line(0, session_id="b") + line(delay=250, session_id="a")
    trace = read(path, content + line(delay=50, session_id="a"))
    assert list(trace.times_s) == [0.0, 0.5, 0.75, 0.8]


@pytest.mark.parametrize(
    "content",
    [
        BURST_GPT.encode("utf-8-sig"),
        BURST_GPT.encode("utf-16"),
        BURST_GPT.replace("\n", "\r\n").encode(),
        BURST_GPT.replace("\n", "\r").encode(),
        BURST_GPT.replace(",", ";").replace("118.5", "118,5").encode(),
        BURST_GPT.replace(",", "\t").encode(),
        BURST_GPT.replace("472", "472.0").replace(",0,", ",,").encode(),
    ],
)
def test_a_table_is_read_however_it_was_saved(path: Path, content: bytes) -> None:
    trace = read(path, content)
    assert list(trace.times_s) == [0.0, 40.0, 113.5]
    assert list(trace.output_tokens) == [18, 230, 1]


def test_lines_without_an_input_length_are_left_out_and_counted(path: Path) -> None:
    trace = read(path, BURST_GPT + "119,ChatGPT,,,,\n")
    assert (trace.requests, trace.left_out) == (3, 1)
    assert trace.announcement().endswith("; 1 line without an input length left out")


def test_hash_ids_may_be_null_text_or_large(path: Path) -> None:
    content = line(0, hash_ids=None) + line(1e6, hash_ids=["a1b2"]) + line(2e6, hash_ids=[2**80])
    assert read(path, content).blocks == [(), ("a1b2",), (2**80,)]


@given(times=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20))
def test_times_begin_at_0_whatever_they_were(times: list[int], tmp_path_factory: object) -> None:
    path = tmp_path_factory.mktemp("t") / "trace"  # type: ignore[attr-defined]
    trace = read(path, "".join(map(line, times)), unit="ms")
    assert list(trace.times_s) == [(time - min(times)) * 0.001 for time in sorted(times)]


@pytest.mark.parametrize(
    "times", [(0.0, 0.5, 1.0, 3.0), (0, 1, 2, 3), (10, 11, 11, 13), (0.25, 9.0, 30.5)]
)
def test_times_that_may_be_seconds_are_asked_about(path: Path, times: tuple[float, ...]) -> None:
    content = "".join(map(line, times))
    with pytest.raises(InputError, match=r"Give --trace-unit ms or --trace-unit s$"):
        read(path, content)
    span = times[-1] - times[0]
    assert read(path, content, unit="s").times_s[-1] == span
    assert read(path, content, unit="ms").times_s[-1] == span * 0.001


@pytest.mark.parametrize("times", [(0,), (5, 5), (0, 400, 1500), (-5, 0), (0.5, 1000.5)])
def test_times_that_can_be_milliseconds_are(path: Path, times: tuple[float, ...]) -> None:
    assert read(path, "".join(map(line, times))).unit == "ms"


def test_the_unit_of_a_table_can_be_given_too(path: Path) -> None:
    assert list(read(path, BURST_GPT, unit="ms").times_s) == pytest.approx([0.0, 0.04, 0.1135])


def test_blocks_that_do_not_fit_the_input_are_refused(path: Path) -> None:
    content = line(0, hash_ids=[0]) + line(9000, hash_ids=[0, 1])
    with pytest.raises(InputError) as caught:
        read(path, content)
    assert caught.value.message == (
        f"line 2 of {path} has 2 hash_ids, and blocks of 512 tokens make at most 1 of its 20 "
        "tokens; give --block-tokens, the length of its blocks (such as 16)"
    )
    assert read(path, content, block_tokens=16).block_tokens == 16


def test_what_is_replayed_is_said_with_its_span_and_rate(path: Path) -> None:
    trace = read(path, "".join(map(line, range(0, 10_001, 500))))
    said = f"Replaying {path}: 21 requests over "
    unit = "; its times are taken as milliseconds"
    assert trace.announcement() == f"{said}10.0 s, 2.1/s on average{unit}"
    twice = f"{said}5.00 s, 4.2/s on average, 2 times as fast as they came{unit}"
    assert trace.announcement(2.0) == twice


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no requests"),
        ("{}\n", "line 1 of .* is not a request: .*timestamp"),
        ('{"timestamp": 0, "input_length": 1, "output_length": 1}\n{"timestamp": -1}', "line 2 of"),
        ("a,b\n1,2\n", "lacks the columns timestamp, request tokens, response tokens"),
        ("Timestamp,Request tokens,Response tokens\n", "has no requests"),
        ("Timestamp,Request tokens,Response tokens\n1,2,3\n1,x,3\n", "line 3 of"),
        ("Timestamp,Request tokens,Response tokens\n1,2\n", "line 2 of"),
        ("Timestamp,Request tokens,Response tokens\ninf,2,3\n", "line 2 of"),
        ("Timestamp,Request tokens,Response tokens\nnan,2,3\n", "line 2 of"),
        ("Timestamp,Request tokens\rx\n", "line 1 of .*it has a CR inside; end every line alike"),
        ("TIMESTAMP,ContextTokens\n1,2\n", "lacks the columns generatedtokens; a trace is"),
        (AZURE + "noon,2,3\n", "line 4 of .* its timestamp 'noon' is not a time"),
        (AZURE + "3,2,3\n", "has dates and numbers for times"),
        (line(delay=5, session_id="a"), "line 1 of .* no line before is of its session_id"),
        (line(0, input_length=1.5), "line 1 of .* input_length is 1.5; it is a whole number"),
        (line(1e400), "line 1 of .*"),
    ],
)
def test_what_is_not_a_trace_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "trace").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_trace(str(tmp_path / "trace"))
    assert "\n" not in str(caught.value.message)
