"""Completions, whole and streamed: texts, several of them, and logprobs as lists."""

import json
from typing import Any

import pytest

from headrace.jobs import ENDPOINTS
from headrace.runner.answers import Answer, UnusableAnswerError, read_body
from headrace.runner.answers.completions import CompletionsStream
from headrace.runner.answers.sse import Event

BASE = {"id": "cmpl-1", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def read(*choices: dict[str, Any], **fields: Any) -> Answer:
    body = {**BASE, "object": "text_completion", "choices": choices, "usage": USAGE, **fields}
    return read_body(ENDPOINTS["/v1/completions"], json.dumps(body).encode())


def choice(text: str, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": "stop", **fields}


def chunk(*choices: dict[str, Any], **fields: Any) -> Event:
    body = {**BASE, "object": "text_completion", "choices": choices, **fields}
    return Event("message", json.dumps(body).encode())


def piece(text: str, index: int = 0, **fields: Any) -> Event:
    return chunk(choice(text, index, **{"finish_reason": None, **fields}))


def fed(*events: Event) -> CompletionsStream:
    stream = CompletionsStream()
    for each in events:
        stream.add(each)
    return stream


DONE = Event("message", b"[DONE]")


def test_the_first_text_is_the_answers() -> None:
    answer = read(choice("one"), choice("two", 1, finish_reason="length"))
    assert (answer.text, answer.finish_reason) == ("one", "stop")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 3)


def test_nothing_at_once_is_an_answer_and_no_choice_is_none() -> None:
    assert read(choice("")).text == ""
    with pytest.raises(UnusableAnswerError):
        read()


def test_a_stream_is_what_the_call_would_have_returned() -> None:
    one = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": None, "text_offset": [0]}
    two = {"tokens": ["b"], "token_logprobs": [-0.25], "top_logprobs": None, "text_offset": [1]}
    stream = fed(
        piece("a", logprobs=one),
        piece("x", 1),
        piece("b", logprobs=two),
        piece("", finish_reason="length"),
        piece("", 1, finish_reason="stop"),
        chunk(usage=USAGE),
        DONE,
    )
    assert (stream.complete, stream.has_usage, stream.is_plain) == (True, True, False)
    both = {
        "tokens": ["a", "b"],
        "token_logprobs": [-0.5, -0.25],
        "top_logprobs": None,
        "text_offset": [0, 1],
    }
    whole = read(choice("ab", logprobs=both, finish_reason="length"), choice("x", 1))
    assert stream.answer() == whole


def test_a_token_may_be_called_index() -> None:
    """Logprobs are by token: none of them is the place of anything."""
    told = {"tokens": ["index"], "top_logprobs": [{"index": -0.5}]}
    stream = fed(piece("index", logprobs=told), piece("", finish_reason="stop"), chunk(usage=USAGE))
    assert stream.answer().body["choices"][0]["logprobs"] == told


def test_a_cut_stream_is_not_whole_and_tells_its_text() -> None:
    stream = fed(piece("half "), piece("of it"))
    assert not stream.complete
    assert stream.partial().text == "half of it"


def test_an_empty_text_bears_no_token() -> None:
    stream = CompletionsStream()
    assert not stream.add(piece(""))
    assert stream.add(piece("x"))
