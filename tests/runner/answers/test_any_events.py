"""Streams and bodies of endpoints that nobody knows."""

import json

import pytest

from headrace.jobs import ENDPOINTS
from headrace.runner.answers import UnusableAnswerError, read_body
from headrace.runner.answers.any_events import AnyEvents
from headrace.runner.answers.sse import Event

SCORE = ENDPOINTS["/v1/score"]


def fed(*data: bytes) -> AnyEvents:
    stream = AnyEvents()
    for each in data:
        stream.add(Event("message", each))
    return stream


def test_events_are_kept_as_they_came() -> None:
    stream = fed(b'{"a":1}', b"text", b"[1]", b"[DONE]")
    assert (stream.complete, stream.bore_tokens) == (True, True)
    assert stream.answer().body == {"events": [{"a": 1}, "text", [1]]}


def test_without_an_end_mark_it_is_whole_where_its_answer_ends() -> None:
    stream = fed(b'{"a":1}')
    assert not stream.complete
    stream.at_end()
    assert stream.complete


def test_nothing_at_all_is_not_an_answer() -> None:
    stream = AnyEvents()
    stream.at_end()
    assert not stream.complete
    assert stream.partial().text == ""


def test_an_error_event_is_an_error() -> None:
    stream = fed(b'{"error":{"message":"gone","code":500}}')
    assert stream.failed is not None
    assert stream.failed.message == "gone"


@pytest.mark.parametrize("data", [b"[[0.5,1.0]]", b"3", b'"x"', b'{"message":"done"}', b"{}"])
def test_json_of_any_kind_is_an_answer(data: bytes) -> None:
    answer = read_body(SCORE, data)
    assert (answer.body, answer.strict) == (json.loads(data), True)
    assert answer.usage.why_unpriced is not None


def test_json_that_is_not_strict_is_read() -> None:
    answer = read_body(SCORE, b'{"score": NaN}')
    assert (answer.body, answer.strict) == ({"score": None}, False)


def test_what_follows_a_value_is_not_lost() -> None:
    assert read_body(SCORE, b'{"a": 1} and more').body == {"raw": '{"a": 1} and more'}
    assert read_body(SCORE, b'{"a": NaN}\n').body == {"a": None}


@pytest.mark.parametrize("data", [b'{"a": 1}\n{"a": 2}\n', b'{"a": 1}\n  {"a": 2'])
def test_lines_of_json_are_not_taken_for_the_first(data: bytes) -> None:
    with pytest.raises(UnusableAnswerError):
        read_body(SCORE, data)


def test_bytes_are_kept_whatever_they_are() -> None:
    assert read_body(SCORE, b"\xff\xfb sound").body == {"raw_base64": "//sgc291bmQ="}


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"<html>sign in</html>", b"data: {}\n\n", b'{"error":{"message":"no"}}']
)
def test_a_page_nothing_and_an_error_are_not_answers(data: bytes) -> None:
    with pytest.raises(UnusableAnswerError):
        read_body(SCORE, data)
