"""Streams become the body of the unstreamed call, and usage one convention, for both protocols."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.jobs import ENDPOINTS, Usage
from headrace.runner.answers import (
    ChatStream,
    ErrorBody,
    MessagesStream,
    UnusableAnswerError,
    read_body,
    read_error,
)
from headrace.runner.answers.sse import Event


def events(*chunks: Any, event: str = "message") -> list[Event]:
    return [Event(event, msgspec.json.encode(chunk)) for chunk in chunks]


def chunk(delta: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    whole = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m", **fields}
    if delta is not None:
        choice = {"index": 0, "delta": delta, "finish_reason": fields.pop("finish", None)}
        whole = {**whole, "choices": [choice]}
        whole.pop("finish", None)
    return whole


DONE = Event("message", b"[DONE]")


def test_a_chat_stream_becomes_the_unstreamed_body() -> None:
    stream = ChatStream()
    bears = [
        stream.add(event)
        for event in [
            *events(
                chunk({"role": "assistant", "content": ""}),
                chunk({"content": "Hel"}),
                chunk({"content": "lo!"}),
                chunk({}, finish="stop"),
                chunk(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 2}),
            ),
            DONE,
        ]
    ]
    # The role alone is not a token.
    assert bears == [False, True, True, False, False, False]
    assert stream.complete
    answer = stream.answer()
    assert answer.body == {
        "object": "chat.completion",
        "id": "c1",
        "created": 5,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello!"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2},
    }
    assert (answer.text, answer.finish_reason) == ("Hello!", "stop")
    assert answer.usage == Usage(input_tokens=7, output_tokens=2)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "refusal"])
def test_reasoning_counts_as_the_first_token(name: str) -> None:
    stream = ChatStream()
    found = [
        stream.add(event) for event in events(chunk({"role": "assistant"}), chunk({name: "a"}))
    ]
    assert found == [False, True]
    stream.add(events(chunk({name: "b", "content": "c"}))[0])
    message = stream.answer().body["choices"][0]["message"]
    assert message == {"role": "assistant", name: "ab", "content": "c"}


def test_tool_calls_are_put_together_by_their_index() -> None:
    def call(index: int, **function: str) -> dict[str, Any]:
        return {"index": index, "function": function}

    stream = ChatStream()
    first = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    second = {
        "index": 1,
        "id": "call_2",
        "type": "function",
        "function": {"name": "g", "arguments": ""},
    }
    bears = [
        stream.add(event)
        for event in events(
            chunk({"role": "assistant", "content": None, "tool_calls": [first]}),
            chunk({"tool_calls": [call(0, arguments='{"a":')]}),
            chunk({"tool_calls": [second]}),
            chunk({"tool_calls": [call(1, arguments="{}"), call(0, arguments=" 1}")]}),
            chunk({}, finish="tool_calls"),
        )
    ]
    assert bears == [True, True, True, True, False]
    message = stream.answer().body["choices"][0]["message"]
    assert message == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a": 1}'},
            },
            {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }


def test_logprobs_that_are_null_at_first() -> None:
    """As OpenAI sends them: the chunk that only names the role has none."""
    stream = ChatStream()
    tokens = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -0.7}]
    for delta, logprobs in (
        ({"role": "assistant"}, None),
        ({"content": "a"}, {"content": tokens[:1]}),
        ({"content": "b"}, {"content": tokens[1:]}),
        ({}, None),
    ):
        for event in events({"choices": [{"index": 0, "delta": delta, "logprobs": logprobs}]}):
            stream.add(event)
    (choice,) = stream.answer().body["choices"]
    assert choice["logprobs"] == {"content": tokens}
    assert choice["message"] == {"role": "assistant", "content": "ab"}


@pytest.mark.parametrize("odd", ["x", 5, True, ["x"]])
@pytest.mark.parametrize("name", ["message", "logprobs"])
def test_a_part_that_is_no_object_is_passed_over_by_those_that_are(name: str, odd: Any) -> None:
    stream = ChatStream()
    good = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": ["t"]}}
    for event in events({"choices": [{"index": 0, name: odd}]}, {"choices": [good]}):
        stream.add(event)
    answer = stream.answer()
    assert answer.text == "a"
    assert answer.body["choices"][0]["logprobs"] == {"content": ["t"]}


def test_several_choices_and_their_logprobs() -> None:
    stream = ChatStream()
    for index, text in ((1, "b"), (0, "a"), (1, "B"), (0, "A")):
        token = {"token": text, "logprob": -0.5}
        part = {"index": index, "delta": {"content": text}, "logprobs": {"content": [token]}}
        stream.add(events({"choices": [part]})[0])
    choices = stream.answer().body["choices"]
    assert [choice["message"]["content"] for choice in choices] == ["aA", "bB"]
    assert [len(choice["logprobs"]["content"]) for choice in choices] == [2, 2]
    assert stream.answer().text == "aA"


def test_a_stream_is_complete_when_nothing_is_missing() -> None:
    finish = chunk({}, finish="length")
    usage = chunk(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 1})

    def complete(*parts: Event) -> bool:
        stream = ChatStream()
        for part in parts:
            stream.add(part)
        return stream.complete

    text = events(chunk({"content": "a"}))
    assert not complete()
    assert not complete(*text)
    assert complete(*text, *events(finish))  # the usage may be lost, the answer is not
    assert complete(*text, *events(finish, usage))
    assert complete(*text, *events(finish), DONE)
    assert complete(*text, *events(usage), DONE)
    assert not complete(*text, *events(usage))
    assert not complete(*text, DONE)
    assert not complete(DONE)
    assert not complete(*events(chunk({"role": "assistant"})), DONE)
    assert not complete(*text, *events(chunk({}, finish="")), *events(usage))


def test_an_error_inside_a_stream_is_found() -> None:
    stream = ChatStream()
    error = {"error": {"code": "UPSTREAM_ERROR", "message": "gone", "request_id": "req-9"}}
    assert not stream.add(events(error)[0])
    assert stream.failed == ErrorBody("UPSTREAM_ERROR", "gone", "req-9", status=502)


MESSAGES: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 10, "output_tokens": 0, "cache_read_input_tokens": 4},
        },
    },
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "thinking", "thinking": ""},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "Hm"},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "signature_delta", "signature": "s"},
    },
    {"type": "content_block_stop", "index": 0},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}},
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "citations_delta", "citation": {"url": "u"}},
    },
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": ""},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": '{"a":'},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": "1}"},
    },
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 12},
    },
    {"type": "message_stop"},
]


def test_a_messages_stream_becomes_the_unstreamed_body() -> None:
    stream = MessagesStream()
    bears = {n for n, data in enumerate(MESSAGES) if stream.add(events(data)[0])}
    # Thinking is a token, a signature, a citation and an empty delta are none.
    assert bears == {2, 7, 8, 13, 14}
    assert stream.complete
    answer = stream.answer()
    assert answer.body == {
        "type": "message",
        "role": "assistant",
        "id": "msg_1",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "s"},
            {"type": "text", "text": "Hello", "citations": [{"url": "u"}]},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 12, "cache_read_input_tokens": 4},
    }
    assert (answer.text, answer.finish_reason) == ("Hello", "tool_calls")
    assert answer.usage == Usage(input_tokens=14, cached_input_tokens=4, output_tokens=12)


def test_a_messages_stream_is_complete_once_it_told_why_it_stopped() -> None:
    complete = []
    stream = MessagesStream()
    for data in MESSAGES:
        stream.add(events(data)[0])
        complete.append(stream.complete)
    assert complete == [False] * (len(MESSAGES) - 2) + [True, True]
    stream = MessagesStream()
    stream.add(events({"type": "message_stop"})[0])
    assert not stream.complete
    stream.add(events({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})[0])
    assert stream.complete


def test_a_tool_input_that_max_tokens_cut_is_kept_as_its_text() -> None:
    """It was paid for, and another attempt would be cut as well."""
    stream = MessagesStream()
    for data in MESSAGES[11:14]:
        stream.add(events(data)[0])
    stream.add(
        events({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {}})[0]
    )
    answer = stream.answer()
    assert answer.body["content"] == [
        {"type": "tool_use", "id": "t1", "name": "f", "input": '{"a":'}
    ]
    assert answer.finish_reason == "length"


def test_what_came_before_a_break_is_all_text_and_the_usage_as_told() -> None:
    messages = MessagesStream()
    for data in MESSAGES[:-3]:
        messages.add(events(data)[0])
    text, usage = messages.partial()
    assert sorted(text) == sorted('{"a":1}' + "Hm" + "Hello")  # no signature, no citation
    assert usage == Usage(input_tokens=14, cached_input_tokens=4, output_tokens=0)
    chat = ChatStream()
    call = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}
    for delta in ({"reasoning_content": "Hm"}, {"content": "Hel"}, {"content": "lo"}):
        chat.add(events(chunk(delta))[0])
    chat.add(events(chunk({"tool_calls": [call]}))[0])
    text, usage = chat.partial()
    assert sorted(text) == sorted("Hm" + "Hello" + "f{}")
    assert usage == Usage(why_unpriced="the answer does not say what it used")


def test_an_error_event_of_a_messages_stream_is_found() -> None:
    stream = MessagesStream()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    stream.add(Event("error", json.dumps(error).encode()))
    assert stream.failed == ErrorBody("overloaded_error", "Overloaded", None, status=529)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "index",
                    "message",
                    "content",
                    "usage",
                    "type",
                    "error",
                    "tool_calls",
                    "function",
                    "arguments",
                    "content_block",
                    "partial_json",
                    "text",
                    "thinking",
                    "logprobs",
                    "finish_reason",
                    "citations",
                    "citation",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
SHAPES = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"type": st.sampled_from([data["type"] for data in MESSAGES])},
        optional=dict.fromkeys(
            ("index", "delta", "content_block", "message", "usage", "error"), JSON
        ),
    ),
    st.fixed_dictionaries(
        {
            "choices": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "index": st.just(0) | JSON,
                        "logprobs": JSON,
                        "message": JSON,
                        "delta": st.fixed_dictionaries(
                            {},
                            optional=dict.fromkeys(
                                ("content", "tool_calls", "role", "reasoning"), JSON
                            ),
                        ),
                    },
                ),
                max_size=2,
            )
        }
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ChatStream, MessagesStream])
@given(shapes=st.lists(SHAPES, max_size=6))
def test_no_event_however_strange_is_more_than_an_unusable_answer(
    kind: type[ChatStream] | type[MessagesStream], shapes: list[Any]
) -> None:
    stream = kind()
    try:
        for event in events(*shapes):
            stream.add(event)
        assert isinstance(stream.partial().text, str)
        body = stream.answer().body
    except UnusableAnswerError:
        return
    assert isinstance(body, dict)


@pytest.mark.slow
@given(body=JSON)
@example(body={"choices": [{"message": {"content": "hi"}}]})
def test_no_body_however_strange_is_more_than_an_unusable_answer(body: Any) -> None:
    texts: list[str | None] = []
    for endpoint in ENDPOINTS.values():
        with contextlib.suppress(UnusableAnswerError):
            texts.append(read_body(endpoint, msgspec.json.encode(body)).text)
    assert {type(text) for text in texts} <= {str, type(None)}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            b'{"error": {"code": "RATE_LIMIT", "message": "slow", "request_id": "req-1"}}',
            ErrorBody("RATE_LIMIT", "slow", "req-1", status=429),
        ),
        (
            b'{"error": {"message": "no", "type": "invalid_request_error", "code": null}}',
            ErrorBody("invalid_request_error", "no", None, status=400),
        ),
        (
            b'{"type": "error", "error": {"type": "x", "message": "m"}, "request_id": "req-2"}',
            ErrorBody("x", "m", "req-2"),
        ),
        (b'{"error": "plain words"}', ErrorBody(None, "plain words", None)),
        (b'{"detail": "Not Found"}', ErrorBody(None, "Not Found", None)),
        (b"<html>Bad Gateway</html>", ErrorBody(None, "Bad Gateway", None)),
        (b"\xff\xfe", ErrorBody(None, "2 bytes that are not text", None)),
        (b"", ErrorBody(None, None, None)),
    ],
)
def test_error_bodies_of_every_house(body: bytes, error: ErrorBody) -> None:
    assert read_error(body) == error


def test_a_long_error_is_cut() -> None:
    message = read_error(b"x" * 100_000).message
    assert message is not None
    assert len(message) == 20_000  # and once more without the key, by the client
