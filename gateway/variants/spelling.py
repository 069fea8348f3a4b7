"""Right answers in bytes that a strict parser refuses, or that nobody asked for."""

import re
from collections.abc import Callable
from typing import Any

from ..chat import DONE
from ..response import EventStream, Response
from .answer import (
    Answer,
    chat_stream,
    chat_whole,
    chunk,
    chunk_of,
    event,
    message_stream,
    message_whole,
)

JSON, EVENTS = "application/json", "text/event-stream; charset=utf-8"
BOM = b"\xef\xbb\xbf"
# The beginning of a four-byte character, and no more of it.
BAD_BYTES = b"\xf0\x9f"
_TEXT = re.compile(rb'("(?:content|text)":)"((?:[^"\\]|\\.)*)"')


def each_event(change: Callable[[bytes], bytes]) -> Callable[[Answer], Response]:
    """Every event of the stream, written in another way."""

    def make(answer: Answer) -> Response:
        opening, events, closing = _stream(answer)
        parts = ([change(each) for each in part] for part in (opening, events, closing))
        return answer.with_body(EventStream(*parts))

    return make


def first(*data: bytes) -> Callable[[Answer], Response]:
    """Something before the first event, and between the others."""

    def make(answer: Answer) -> Response:
        opening, events, closing = _stream(answer)
        return answer.with_body(EventStream([*data, *opening], events, [*data, *closing]))

    return make


def last(mark: bytes) -> Callable[[Answer], Response]:
    """`[DONE]` in another spelling."""

    def make(answer: Answer) -> Response:
        opening, events, closing = _stream(answer)
        return answer.with_body(EventStream(opening, events, [*closing[:-1], mark]))

    return make


def unended(answer: Answer) -> Response:
    """The last event without the blank line that ends it."""
    opening, events, closing = _stream(answer)
    ends = [*closing[:-1], closing[-1].rstrip(b"\n")]
    return answer.with_body(EventStream(opening, events, ends))


def no_end_mark(answer: Answer) -> Response:
    """A clean end without `[DONE]` or `message_stop`."""
    opening, events, closing = _stream(answer)
    return answer.with_body(EventStream(opening, events, closing[:-1]))


def finish_only(answer: Answer) -> Response:
    """A clean end after the reason to finish: neither usage nor `[DONE]`."""
    return answer.with_body(chat_stream(answer, closing=[chunk(answer, {}, answer.finish)]))


def then_error(answer: Answer) -> Response:
    """A whole answer, and an error after it."""
    opening, events, closing = _stream(answer)
    error = event({"error": {"message": "The connection was recycled.", "code": 500}}, "error")
    ends = [*closing, error] if answer.protocol == "messages" else [*closing[:-1], error, DONE]
    return answer.with_body(EventStream(opening, events, ends))


def single_newline(data: bytes) -> bytes:
    """No blank line behind an event."""
    return data.rstrip(b"\n") + b"\n"


def crlf(data: bytes) -> bytes:
    """The other ends of lines."""
    return data.replace(b"\n", b"\r\n")


def blanks_first(data: bytes) -> bytes:
    """Blanks before the name of a field."""
    return data.replace(b"data: ", b"  data: ").replace(b"event: ", b" event: ")


def no_space(data: bytes) -> bytes:
    """No blank behind the name of a field."""
    return data.replace(b"data: ", b"data:").replace(b"event: ", b"event:")


def several_lines(data: bytes) -> bytes:
    """The data of an event over several lines, without the blank after their names."""
    return data.replace(b"data: {", b"data:{").replace(b',"', b',\ndata:"', 1)


def bom(answer: Answer) -> Response:
    """A byte order mark before everything."""
    body = answer.response.body
    if isinstance(body, bytes):
        return answer.with_body(BOM + body)
    opening, events, closing = body
    return answer.with_body(EventStream([BOM + opening[0], *opening[1:]], events, closing))


def utf16(answer: Answer) -> Response:
    """The body in UTF-16, with its byte order mark."""
    assert isinstance(answer.response.body, bytes)
    return answer.with_body(answer.response.body.decode().encode("utf-16"))


def blank_lines(answer: Answer) -> Response:
    """Blank lines while the answer is made, then its JSON."""
    assert isinstance(answer.response.body, bytes)
    blanks = [b"\n"] * min(8, answer.response.steps)
    body = EventStream([b"\n"], blanks, [answer.response.body])
    return answer.with_body(body, content_type=JSON)


def trailing(answer: Answer) -> Response:
    """The end of a stream behind a JSON body."""
    assert isinstance(answer.response.body, bytes)
    return answer.with_body(answer.response.body + b"\n\n" + DONE)


def in_text(data: bytes) -> Callable[[Answer], Response]:
    """Something in front of the answer's first text, within its quotes."""

    def change(part: bytes) -> bytes:
        return _TEXT.sub(lambda found: found[1] + b'"' + data + found[2] + b'"', part, count=1)

    def make(answer: Answer) -> Response:
        body = answer.response.body
        if isinstance(body, bytes):
            return answer.with_body(change(body))
        begun = [change(each) for each in body.events[:1]]
        return answer.with_body(EventStream(body.opening, [*begun, *body.events[1:]], body.closing))

    return make


def split_emoji(answer: Answer) -> Response:
    """The halves of an emoji, as escapes, in two events."""
    opening, events, closing = _stream(answer)
    halves = [_TEXT.sub(rb'\1"\\' + half + b'"', events[0]) for half in (b"ud83c", b"udf0a")]
    return answer.with_body(EventStream([*opening, *halves], events, closing))


def infinity(answer: Answer) -> Response:
    """Numbers that JSON does not have."""
    token = '{"token":"The","logprob":-Infinity,"top_logprobs":[{"token":"A","logprob":NaN}]}'
    logprobs = b'"logprobs":{"content":[' + token.encode() + b']},"finish_reason":'
    body = answer.response.body
    if isinstance(body, bytes):
        return answer.with_body(body.replace(b'"finish_reason":', logprobs))
    events = [each.replace(b'"finish_reason":', logprobs) for each in body.events]
    return answer.with_body(EventStream(body.opening, events, body.closing))


def stream_unasked(answer: Answer) -> Response:
    """A stream where none was asked for."""
    make = message_stream if answer.protocol == "messages" else chat_stream
    return answer.with_body(make(answer))


def stream_as_json(answer: Answer) -> Response:
    """A stream that calls itself JSON."""
    return answer.with_body(answer.response.body, content_type=JSON)


def whole_as(content_type: str) -> Callable[[Answer], Response]:
    """A whole JSON body where a stream was asked for, under that type."""

    def make(answer: Answer) -> Response:
        whole: Any = message_whole if answer.protocol == "messages" else chat_whole
        return answer.with_body(whole(answer), content_type=content_type)

    return make


def created(answer: Answer) -> Response:
    """201 in the place of 200."""
    return answer.with_body(answer.response.body, status=201)


def filter_first(answer: Answer) -> Response:
    """Chunks about a content filter: without choices, and with a choice without a delta."""
    results = [{"prompt_index": 0, "content_filter_results": {}}]
    empty = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    opening, events, closing = _stream(answer)
    choice = {"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 1}}
    opened = [event(empty | {"prompt_filter_results": results}), *opening]
    return answer.with_body(EventStream(opened, events, [chunk_of(answer, [choice]), *closing]))


def _stream(answer: Answer) -> EventStream:
    assert isinstance(answer.response.body, EventStream)
    return answer.response.body
