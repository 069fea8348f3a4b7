"""A chat stream whose work does not grow with what came before."""

import sys
from typing import Any

import msgspec

from headrace.runner.answers import ChatStream
from headrace.runner.answers.sse import Event


def event(data: dict[str, Any]) -> Event:
    return Event("message", msgspec.json.encode(data))


def test_errors_after_a_whole_answer_cost_no_look_at_each_choice() -> None:
    """5,000 choices and as many errors, in 1 MB, took 20 s."""
    stream = ChatStream()
    whole = {"delta": {"content": "x"}, "finish_reason": "stop"}
    for index in range(2000):
        stream.add(event({"choices": [{"index": index, **whole}]}))
    calls = 0

    def count(_frame: object, what: str, _argument: object) -> None:
        nonlocal calls
        calls += what == "call"

    sys.setprofile(count)
    for _ in range(100):
        stream.add(event({"error": {"message": "late"}}))
    sys.setprofile(None)
    assert stream.complete
    assert stream.failed is None
    assert calls < 100 * 200


def test_a_choice_that_fails_after_it_ended_is_not_whole() -> None:
    stream = ChatStream()
    finished = []
    for choice in (
        {"index": 0, "finish_reason": "stop"},
        {"index": 1, "delta": {"content": "x"}},
        {"index": 1, "finish_reason": "error"},
    ):
        stream.add(event({"choices": [choice]}))
        finished.append(stream.finished)
    assert finished == [True, False, False]
    assert stream.failed is not None


def test_usage_that_grows_by_a_field_at_each_event_is_not_copied_each_time() -> None:
    stream = ChatStream()
    stream.add(event({"choices": [], "usage": {"prompt_tokens": 1}}))
    first = stream._body["usage"]
    stream.add(event({"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 2}}))
    assert stream._body["usage"] is first
    assert first == {"prompt_tokens": 1, "completion_tokens": 2}
