"""Streams in every dress that services give them, mixed, and cut anywhere by the network.

What must come out is known beforehand, since the pieces are made from it.
"""

import json
import re
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runner.answers import ChatStream, SSEParser, read_error
from headrace.runner.answers.json_text import decode
from headrace.runner.retries.failure import Failure

PUNCTUATION = [
    b": keep-alive\n\n",
    b"\n",
    b"data: \n\n",
    b"data: ping\n\n",
    b"event: ping\ndata: {}\n\n",
]
ENDS = [
    b"",
    b"data: [DONE]\n\n",
    b"data: [DONE]",
    b"data:  [DONE] \n\n",
    b"data: [DONE]\n",
    b"data: [done]\n\n",
    b'data: "[Done]"\n\n',
    b"data: DONE\n\n",
]
FIELDS = [b"data: ", b"data:", b" data: ", b"\tdata:", b"Data: ", b"data : "]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


def event(data: dict[str, Any], *, ascii_only: bool = False) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=ascii_only).encode() + b"\n\n"


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}]}


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, str, bool]:
    """The bytes of a whole stream, its text, and whether its usage was told."""
    texts = draw(st.lists(words, min_size=1, max_size=5))
    falsy = draw(st.sampled_from([None, ""]))
    pieces = [b"\xef\xbb\xbf" if draw(st.booleans()) else b""]
    pieces.append(event(chunk({"role": "assistant", "content": ""}, falsy)))
    for text in texts:
        content: Any = text
        if draw(st.booleans()):
            content = [{"type": "text", "text": text}]
        pieces.append(event(chunk({"content": content}, falsy), ascii_only=draw(st.booleans())))
        if draw(st.booleans()):
            pieces.append(draw(st.sampled_from(PUNCTUATION)))
    place = draw(st.sampled_from(["choice", "chunk", "apart", "nowhere"]))
    last = chunk({}, "stop", **({"usage": USAGE} if place == "choice" else {}))
    pieces.append(event({**last, **({"usage": USAGE} if place == "chunk" else {})}))
    if place == "apart":
        pieces.append(event({"id": "c", "choices": [], "usage": USAGE}))
    # An error after a whole answer changes nothing.
    if draw(st.booleans()):
        pieces.append(event({"error": {"code": 500, "message": "too late"}}))
    pieces.append(draw(st.sampled_from(ENDS)))
    data = b"".join(pieces)
    if (field := draw(st.sampled_from(FIELDS))) != FIELDS[0]:
        data = re.sub(rb"^data: ?", lambda _: field, data, flags=re.MULTILINE)
    if draw(st.booleans()):
        data = data.replace(b"\n", b"\r\n")
    return data, "".join(texts), place != "nowhere"


def split(data: bytes, places: list[int]) -> list[bytes]:
    cuts = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(cuts)]


def put_together(pieces: list[bytes]) -> ChatStream:
    stream, parser = ChatStream(), SSEParser()
    for piece in pieces:
        for each in parser.feed(piece):
            stream.add(each)
    for each in parser.end():
        stream.add(each)
    return stream


@settings(max_examples=200, deadline=None)
@given(streams(), st.lists(st.integers(0, 10_000), max_size=12))
def test_any_dress_and_any_split_gives_the_same_answer(
    made: tuple[bytes, str, bool], places: list[int]
) -> None:
    data, text, told = made
    stream = put_together(split(data, places))
    assert stream.failed is None
    assert stream.complete
    answer = stream.answer()
    assert (answer.text, answer.finish_reason) == (text, "stop")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (
        (7, 3) if told else (None,) * 2
    )


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[tuple[str, str, str]]]:
    """Deltas of tool calls in the manner of one service, and the calls that are meant."""
    count = draw(st.integers(1, 4))
    ids = draw(st.sampled_from(["once", "again", "fresh"]))
    names = draw(st.sampled_from(["once", "again"]))
    index = draw(st.sampled_from(["its own", "0", "none"]))
    one_name = draw(st.booleans())
    deltas, meant = [], []
    for n in range(count):
        name = "f" if one_name else f"f{n}"
        arguments = json.dumps({"q": draw(words)})
        cut = draw(st.integers(1, len(arguments) - 1))
        meant.append((f"call_{n}", name, arguments))
        for part, piece in enumerate((arguments[:cut], arguments[cut:])):
            function: dict[str, Any] = {"arguments": piece}
            delta: dict[str, Any] = {"function": function}
            if part == 0 or ids == "again":
                delta |= {"id": f"call_{n}", "type": "function"}
            elif ids == "fresh":  # as old vLLM gives each delta one
                delta |= {"id": f"call_{n}_{part}", "type": "function"}
            if part == 0 or names == "again":
                function["name"] = name
            if index != "none":
                delta["index"] = n if index == "its own" else 0
            deltas.append(delta)
    return deltas, meant


@settings(max_examples=150, deadline=None)
@given(calls())
def test_tool_calls_are_told_apart_whatever_their_index(
    made: tuple[list[dict[str, Any]], list[tuple[str, str, str]]],
) -> None:
    deltas, meant = made
    data = b"".join(event(chunk({"tool_calls": [delta]})) for delta in deltas)
    stream = put_together([data + event(chunk({}, "tool_calls"))])
    found = stream.answer().body["choices"][0]["message"]["tool_calls"]
    assert [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in found] == meant


def test_ten_thousand_tool_calls_take_no_time_to_find() -> None:
    """A search through all of them for each delta held the loop for 100 s."""
    stream = ChatStream()
    data = b"".join(
        event(chunk({"tool_calls": [{"index": n, "id": f"c{n}", "function": {"arguments": "{}"}}]}))
        for n in range(9_999)
    )
    for each in SSEParser().feed(data):
        stream.add(each)
    assert len(stream.answer().body["choices"][0]["message"]["tool_calls"]) == 9_999


@given(st.text(max_size=30), st.sampled_from(["", " trailing", "\n\ndata: [DONE]", "}"]))
def test_json_is_read_leniently_only_where_it_is_not_strict(text: str, after: str) -> None:
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    data = json.dumps({"text": text, "p": float("nan")}).encode() + after.encode()
    value, strict = decode(b"\xef\xbb\xbf" + data)
    assert not strict
    assert value["p"] is None
    assert value["text"].encode("utf-16", "surrogatepass").decode("utf-16", "replace") == whole
    assert decode(json.dumps({"a": 1}).encode()) == ({"a": 1}, True)


@given(st.integers(400, 599), st.booleans(), st.sampled_from(["error", "top", "object"]))
def test_an_error_is_judged_by_the_code_that_it_names(
    status: int, as_text: bool, dress: str
) -> None:
    code: Any = str(status) if as_text else status
    body: dict[str, Any] = {"code": code, "message": "m"}
    if dress == "error":
        body = {"error": body}
    elif dress == "object":
        body["object"] = "error"
    found = read_error(json.dumps(body).encode())
    assert (found.status, found.message) == (status, "m")
    retried = Failure("http", "m", status=found.status).retried
    meant = status in (408, 409, 425, 429) or (status >= 500 and status not in (501, 505))
    assert retried == meant
