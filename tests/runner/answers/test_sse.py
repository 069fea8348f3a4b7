"""The SSE parser, held against httpx-sse whatever way the network cuts the bytes."""

from itertools import pairwise

import httpx
import pytest
from httpx_sse import EventSource
from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.answers.sse import EVENT_BYTES_MAX, Event, EventTooLongError, SSEParser

# Characters that other line splitters break at, and a few that are ordinary.
TEXT = st.text(alphabet='ab{}": \u2028\u2029\x85\x0b\x0c中é', max_size=12)
FIELD = st.one_of(
    st.builds("data:{}".format, TEXT),
    st.builds("data: {}".format, TEXT),
    st.builds("event: {}".format, st.sampled_from(["ping", "message_start", ""])),
    st.builds(":{}".format, TEXT),
    st.builds("id: {}".format, st.sampled_from(["1", ""])),
    st.just("data"),
    st.just("retry: 10"),
    st.just("unknown: x"),
    st.just(""),
    st.just(""),
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def oracle(text: bytes) -> list[Event]:
    """What httpx-sse makes of it: those of its events that have data."""
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=text)
    return [
        Event(event.event, event.data.encode())
        for event in EventSource(response).iter_sse()
        if event.data
    ]


def cut(text: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@given(
    lines=st.lists(st.tuples(FIELD, ENDS), max_size=30),
    places=st.lists(st.integers(0, 10_000), max_size=20),
)
def test_events_are_those_of_httpx_sse_however_the_bytes_are_cut(
    lines: list[tuple[str, str]], places: list[int]
) -> None:
    text = "".join(line + end for line, end in lines).encode() + b"\n\n"
    parser = SSEParser()
    found = [event for piece in cut(text, places) for event in parser.feed(piece)]
    assert [event for event in found if event.data] == oracle(text)


PLAIN = st.lists(st.sampled_from(["data: a\n\n", "data: {}\n\n", "data: \n\n"]), max_size=3)
ODD = st.sampled_from(
    [
        "\n",
        "\n\n",
        "\r\n\r\n",
        "data:b\n\n",
        "data: c\ndata: d\n\n",
        "event: e\n",
        ": f\n\n",
        "data",
    ]
)


@given(pieces=st.lists(PLAIN.map("".join) | ODD, max_size=8))
def test_a_piece_of_whole_plain_events_is_read_as_any_other(pieces: list[str]) -> None:
    parser = SSEParser()
    found = [event for piece in [*pieces, "\n\n"] for event in parser.feed(piece.encode())]
    assert [event for event in found if event.data] == oracle(("".join(pieces) + "\n\n").encode())


@given(places=st.lists(st.integers(0, 100), max_size=8))
def test_json_with_a_line_separator_inside_stays_whole(places: list[int]) -> None:
    text = 'data: {"content":"a\u2028b\x85c"}\r\n\r\n'.encode()
    parser = SSEParser()
    found = [event for piece in cut(text, places) for event in parser.feed(piece)]
    assert found == [Event("message", '{"content":"a\u2028b\x85c"}'.encode())]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_byte_order_mark_is_no_part_of_the_first_field(size: int) -> None:
    text = b"\xef\xbb\xbfdata: x\n\ndata: \xef\xbb\xbfy\n\n"
    parser = SSEParser()
    pieces = [text[n : n + size] for n in range(0, len(text), size)]
    found = [event.data for piece in pieces for event in parser.feed(piece)]
    assert found == [b"x", b"\xef\xbb\xbfy"]


def test_an_event_without_its_blank_line_has_not_come() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: half") == []
    assert parser.feed(b"\n") == []
    assert parser.feed(b"\n") == [Event("message", b"half")]


def test_a_line_feed_after_a_whole_line_end_is_a_line_of_its_own() -> None:
    """Only after a CR that ended its piece does it belong to the line before."""
    parser = SSEParser()
    assert parser.feed(b"data: a\r\n") == []
    assert parser.feed(b"\n") == [Event("message", b"a")]
    assert parser.feed(b"data: b\r") == []
    assert parser.feed(b"\n") == []
    assert parser.feed(b"\n") == [Event("message", b"b")]


@pytest.mark.slow
def test_an_event_without_an_end_is_given_up() -> None:
    parser = SSEParser()
    parser.feed(b"data: " + bytes(EVENT_BYTES_MAX - 6))
    with pytest.raises(EventTooLongError):
        parser.feed(b"x")


def test_a_long_line_in_short_pieces_is_joined_once() -> None:
    """Joined at each piece, it would cost the square of its length."""
    parser = SSEParser()
    parser.feed(b"data: ")
    pieces = [b"%08d" % number for number in range(1000)]
    for piece in pieces:
        assert parser.feed(piece) == []
    assert parser._rest[-1] is pieces[-1]
    assert parser.feed(b"\n\n") == [Event("message", b"".join(pieces))]


def test_empty_lines_of_one_event_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.runner.answers.sse.EVENT_BYTES_MAX", 1000)
    parser = SSEParser()
    assert parser.feed(b"data:\n" * 1000) == []
    with pytest.raises(EventTooLongError):
        parser.feed(b"data:\n")


@pytest.mark.slow
def test_many_lines_of_one_event_are_bounded_too() -> None:
    parser = SSEParser()
    line = b"data: " + bytes(1_000_000) + b"\n"
    for _ in range(EVENT_BYTES_MAX // 1_000_000):
        assert parser.feed(line) == []
    with pytest.raises(EventTooLongError):
        parser.feed(line)
