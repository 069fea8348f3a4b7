"""Many usual chunks taken at once, held against the parser and the stream that take any."""

import json
import os
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.runner.answers import ChatStream, MessagesStream, SSEParser, TokenTimes, add_plain

MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1"))

Pieces = list[tuple[bytes, float | None]]
FIRST = {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}}]}


def chunk(content: Any = "b", **fields: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": {"content": content}}], **fields}


ODD: list[dict[str, Any]] = [
    chunk(""),
    chunk(None),
    chunk([{"type": "text", "text": "part"}]),
    {"id": "c", "choices": [{"index": 1, "delta": {"content": "other choice"}}]},
    {"id": "c", "choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]},
    {"id": "c", "choices": [{"index": 0, "delta": {"content": "x", "role": "assistant"}}]},
    {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]},
    {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "t"}]}}]},
    {"error": {"message": "no"}},
    {"id": "d", "x_new": 1, "choices": [{"index": 0, "delta": {"content": "x"}}]},
]
USUAL = st.builds(
    chunk,
    content=st.text(min_size=1, max_size=4),
) | st.builds(
    lambda content, fields, logprobs: {
        "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None, **logprobs}],
        **fields,
    },
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4),
    st.fixed_dictionaries(
        {"id": st.sampled_from(["c", "d"])},
        optional={
            "object": st.just("chat.completion.chunk"),
            "created": st.integers(0, 2),
            "model": st.sampled_from(["m", None]),
            "system_fingerprint": st.sampled_from(["f", None]),
            "service_tier": st.sampled_from(["default", None]),
            "obfuscation": st.text(max_size=3),
            "usage": st.none(),
        },
    ),
    st.sampled_from([{}, {"logprobs": None}]),
)
EVENTS = st.lists(
    USUAL.map(lambda each: b"data: " + json.dumps(each).encode() + b"\n\n"), max_size=3
)
ODD_BYTES = st.sampled_from(
    [
        *(b"data: " + json.dumps(each).encode() + b"\n\n" for each in ODD),
        b": ping\n\n",
        b"data:" + json.dumps(chunk()).encode() + b"\n\n",
        b"data: " + json.dumps(chunk()).encode() + b"\r\n\r\n",
        b"data: " + json.dumps(chunk()).encode() + b"," + json.dumps(chunk()).encode() + b"\n\n",
        b"data: \n\n",
        b"event: e\ndata: " + json.dumps(chunk()).encode() + b"\n\n",
        b"data: [DONE]\n\n",
        b"data: not json\n\n",
        b"data: " + json.dumps(chunk("half")).encode()[:20],
    ]
)


class Reading:
    """A stream read in batches, each at once where that is possible."""

    def __init__(self, *, at_once: bool) -> None:
        self.stream, self.parser, self.times = ChatStream(), SSEParser(), TokenTimes(gaps=True)
        self._at_once = at_once
        self.taken_at_once = 0

    def take(self, pieces: Pieces) -> None:
        if self._at_once and self.parser.between and add_plain(self.stream, pieces, self.times):
            self.taken_at_once += len(pieces)
            return
        for piece, at_s in pieces:
            if self.stream.ended or self.stream.failed is not None:
                return
            for event in self.parser.feed(piece):
                if self.stream.add(event):
                    self.times.saw(at_s, content=self.stream.answering)

    def seen(self) -> tuple[Any, ...]:
        times, stream = self.times, self.stream
        moments = (times.first_at_s, times.first_content_at_s, times.last_at_s, times.gaps_s)
        state = (stream.ended, stream.complete, stream.answering, stream.bore_tokens)
        return stream.body(), stream.partial(), stream.failed, moments, state


@pytest.mark.slow
@settings(max_examples=100 * MORE)
@given(
    batches=st.lists(st.lists(EVENTS.map(b"".join) | ODD_BYTES, min_size=1, max_size=9), max_size=5)
)
@example(batches=[[b"data: " + json.dumps(chunk()).encode() + b"\n\n"] * 6])
def test_a_batch_taken_at_once_is_what_its_chunks_are_one_by_one(
    batches: list[list[bytes]],
) -> None:
    first: Pieces = [(b"data: " + json.dumps(FIRST).encode() + b"\n\n", 0.0)]
    one, other = Reading(at_once=True), Reading(at_once=False)
    for batch in [first, *map(_dated, batches)]:
        one.take(batch)
        other.take(batch)
    assert one.seen() == other.seen()


def _dated(pieces: list[bytes]) -> Pieces:
    return [(piece, 1.0 + n) for n, piece in enumerate(pieces)]


def test_usual_chunks_are_taken_at_once() -> None:
    reading = Reading(at_once=True)
    events = [b"data: " + json.dumps(chunk(f"{n} ")).encode() + b"\n\n" for n in range(12)]
    reading.take([(b"data: " + json.dumps(FIRST).encode() + b"\n\n", 0.0)])
    reading.take([(b"".join(events[n : n + 2]), 1.0 + n) for n in range(0, 12, 2)])
    assert reading.taken_at_once == 6
    assert reading.stream.partial().text == "a" + "".join(f"{n} " for n in range(12))
    # The second chunk of each read came with the first.
    assert reading.times.gaps_s == [1.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0]


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_chunk_leaves_its_batch_to_the_slow_way(odd: dict[str, Any]) -> None:
    reading = Reading(at_once=True)
    reading.take([(b"data: " + json.dumps(FIRST).encode() + b"\n\n", 0.0)])
    usual = (b"data: " + json.dumps(chunk()).encode() + b"\n\n", 1.0)
    pieces: Pieces = [usual, usual, (b"data: " + json.dumps(odd).encode() + b"\n\n", 2.0), usual]
    assert not add_plain(reading.stream, pieces, reading.times)
    assert reading.stream.partial().text == "a"


def test_a_messages_stream_is_left_to_the_slow_way() -> None:
    piece = (b'data: {"type": "ping"}\n\n', 1.0)
    assert not add_plain(MessagesStream(), [piece] * 8, TokenTimes(gaps=True))


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_an_event_of_more_lines_is_not_joined_to_the_json_that_it_looks_like(end: bytes) -> None:
    """Its second line is a field that nobody knows, and its first no JSON."""
    reading = Reading(at_once=True)
    reading.take([(b"data: " + json.dumps(FIRST).encode() + b"\n\n", 0.0)])
    usual = b"data: " + json.dumps(chunk()).encode() + b"\n\n"
    reading.take([(usual, 1.0), (usual, 1.0), (usual, 2.0), (usual, 2.0)])
    two_lines = usual.replace(b", ", b"," + end, 1)
    reading.take([(usual, 3.0), (two_lines, 3.0), (usual, 4.0), (usual, 4.0)])
    assert reading.taken_at_once == 4
