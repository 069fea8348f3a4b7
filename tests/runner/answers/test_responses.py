"""Streams of responses, put together to the body of the unstreamed call."""

import json
from typing import Any

import pytest

from headrace.runner.answers.responses import ResponsesStream
from headrace.runner.answers.sse import Event

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
BEGUN = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
CALL = {"type": "function_call", "name": "f"}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant"}


def event(kind: str, **fields: Any) -> Event:
    return Event(kind, json.dumps({"type": kind, **fields}).encode())


def delta(text: str, kind: str = "output_text", **places: int) -> Event:
    return event(
        f"response.{kind}.delta", **{"output_index": 0, "content_index": 0, **places}, delta=text
    )


def ended(status: str = "completed", **fields: Any) -> Event:
    response = {**BEGUN, "status": status, "usage": USAGE, **fields}
    return event(f"response.{status}", response=response)


def fed(*events: Event) -> ResponsesStream:
    stream = ResponsesStream()
    for each in events:
        stream.add(each)
    return stream


def said(text: str) -> list[dict[str, Any]]:
    return [{**MESSAGE, "content": [{"type": "output_text", "text": text}]}]


OPENING = (
    event("response.created", response=BEGUN),
    event("response.output_item.added", output_index=0, item={**MESSAGE, "content": []}),
    event("response.content_part.added", output_index=0, part={"type": "output_text", "text": ""}),
)


def test_the_last_event_has_the_whole_response() -> None:
    stream = fed(*OPENING, delta("Hel"), delta("lo"), ended(output=said("Hello")))
    assert (stream.complete, stream.ended, stream.has_usage) == (True, True, True)
    answer = stream.answer()
    assert (answer.text, answer.finish_reason) == ("Hello", "stop")
    assert answer.body == {**BEGUN, "status": "completed", "usage": USAGE, "output": said("Hello")}
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 2)


def test_only_deltas_with_text_bear_tokens_and_thoughts_are_not_content() -> None:
    stream = ResponsesStream()
    assert [stream.add(each) for each in OPENING] == [False, False, False]
    assert stream.add(delta("hm", "reasoning_summary_text", summary_index=0))
    assert not stream.answering
    assert not stream.add(delta(""))
    assert stream.add(delta("x"))
    assert stream.answering


def test_an_output_that_the_last_event_leaves_out_comes_from_the_deltas() -> None:
    events = [
        event("response.created", response=BEGUN),
        delta("h", "reasoning_summary_text", summary_index=0, output_index=0),
        delta("m", "reasoning_summary_text", summary_index=0, output_index=0),
        *(delta(text, output_index=1) for text in ("Hel", "lo")),
        delta("no", "refusal", output_index=1, content_index=1),
        event(
            "response.output_item.added",
            output_index=2,
            item={"type": "function_call", "name": "f"},
        ),
        delta('{"a"', "function_call_arguments", output_index=2),
        delta(":1}", "function_call_arguments", output_index=2),
        ended(),
    ]
    answer = fed(*events).answer()
    assert answer.body["output"] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "type": "message",
            "content": [
                {"type": "output_text", "text": "Hello"},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {"type": "function_call", "name": "f", "arguments": '{"a":1}'},
    ]
    assert (answer.text, answer.finish_reason) == ("Hello", "tool_calls")


def test_an_item_that_was_told_whole_is_taken_as_it_was() -> None:
    item = {**said("Hello!")[0], "status": "completed"}
    events = [
        *OPENING,
        delta("Hello"),
        event("response.output_item.done", output_index=0, item=item),
    ]
    assert fed(*events, ended()).answer().body["output"] == [item]


def test_a_stream_without_its_last_event_is_not_whole() -> None:
    stream = fed(*OPENING, delta("Hel"))
    assert not stream.complete
    assert stream.partial().text == "Hel"
    stream.add(Event("message", b"[DONE]"))
    assert not stream.complete


def test_the_usage_that_was_told_before_a_stream_was_cut_is_known() -> None:
    usage = {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
    stream = fed(*OPENING, event("response.in_progress", response={"usage": usage}), delta("Hel"))
    assert stream.partial().usage.input_tokens == 7


def test_incomplete_is_an_answer() -> None:
    details = {"reason": "max_output_tokens"}
    stream = fed(
        *OPENING, delta("a"), ended("incomplete", output=said("a"), incomplete_details=details)
    )
    assert stream.complete
    assert stream.answer().finish_reason == "length"


def test_failed_is_an_error_with_its_status() -> None:
    error = {"code": "server_error", "message": "gone"}
    stream = fed(*OPENING, ended("failed", error=error, usage=None))
    assert stream.failed is not None
    assert (stream.failed.code, stream.failed.message, stream.failed.status) == (
        "server_error",
        "gone",
        500,
    )
    bare = fed(*OPENING, ended("cancelled", usage=None))
    assert bare.failed is not None
    assert bare.failed.message == "the stream says response.cancelled"


def test_a_failure_may_come_without_its_response() -> None:
    stream = fed(*OPENING, delta("Hel"), event("response.failed", error={"message": "gone"}))
    assert stream.failed is not None
    assert stream.failed.message == "gone"


@pytest.mark.parametrize(
    ("code", "status"),
    [("invalid_prompt", 400), ("invalid_base64_image", 400), ("rate_limit_exceeded", 429)],
)
def test_the_codes_of_a_failed_response_have_their_status(code: str, status: int) -> None:
    stream = fed(*OPENING, ended("failed", error={"code": code, "message": "no"}, usage=None))
    assert stream.failed is not None
    assert stream.failed.status == status


@pytest.mark.parametrize(
    "fields", [{"code": "x", "message": "gone"}, {"error": {"code": "x", "message": "gone"}}]
)
def test_an_error_event_is_an_error(fields: dict[str, Any]) -> None:
    stream = fed(*OPENING, event("error", **fields))
    assert stream.failed is not None
    assert (stream.failed.code, stream.failed.message) == ("x", "gone")


def test_an_error_after_the_end_changes_nothing() -> None:
    stream = fed(*OPENING, delta("a"), ended(output=said("a")), event("error", message="late"))
    assert stream.failed is None
    assert stream.answer().text == "a"


def test_events_without_a_type_go_by_their_name() -> None:
    stream = ResponsesStream()
    data = {"output_index": 0, "content_index": 0, "delta": "x"}
    assert stream.add(Event("response.output_text.delta", json.dumps(data).encode()))
    stream.add(
        Event("response.completed", json.dumps({"response": {**BEGUN, "usage": USAGE}}).encode())
    )
    assert stream.answer().text == "x"


def test_what_is_not_of_this_protocol_is_passed_over() -> None:
    stream = fed(
        Event("message", b"3"),
        Event("message", b'{"type":5,"delta":"x"}'),
        event("keepalive"),
        Event("error", b'"gone"'),
    )
    assert not stream.complete
    assert stream.failed is not None
    assert stream.failed.message == "gone"
