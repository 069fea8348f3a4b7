"""Answers in the shape of another protocol, or inside something else: read where they can be, kept
where they were paid for, and sent again where they hold nothing."""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import UNUSABLE_ANSWER
from headrace.runner.outcome import AttemptOutcome
from tests.runner.test_client import CHAT, MESSAGES, Wired, answer, job
from tests.runner.test_client_oddities import DONE, END, EVENTS, JSON, TEXT, USAGE, event, whole

FULL = json.loads(whole())
MESSAGE = {
    "type": "message",
    "content": [{"type": "text", "text": "The Elbe."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1000, "output_tokens": 100},
}
NO_OUTPUT = {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000}
END_OF_ONE = {"finish_reason": "stop", "usage": USAGE}
LINES: list[dict[str, Any]] = [
    {"choices": [{"delta": {"content": "The "}}]},
    {"choices": [{"delta": {"content": "Elbe."}, "finish_reason": "stop"}], "usage": USAGE},
]


async def outcome_of(
    nursery: trio.Nursery, body: Any, *, url: str = CHAT, stream: bool | None = None
) -> AttemptOutcome:
    """Of an answer: bytes are a stream, anything else is JSON."""
    streamed = isinstance(body, bytes) if stream is None else stream
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    wired = Wired(nursery, answer(data, EVENTS if streamed else JSON))
    return await wired.send(job(url, stream=streamed))


READ: dict[str, Any] = {
    "JSON lines": b"\n".join(json.dumps(each).encode() for each in LINES),
    "a byte order mark in the middle": b"\xef\xbb\xbf" + TEXT + b"\xef\xbb\xbf" + END,
    "a delta that is a text": event({"choices": [{"delta": "The Elbe."}]}) + END,
    "a content that is a part": (
        event({"choices": [{"delta": {"content": {"type": "text", "text": "The Elbe."}}}]}) + END
    ),
    "a completion": {"choices": [{"text": "The Elbe.", "finish_reason": "stop"}], "usage": USAGE},
    "a completion, streamed": (
        event({"choices": [{"text": "The "}]}) + event({"choices": [{"text": "Elbe."}]}) + END
    ),
    "whole beside an error": {**FULL, "error": {"code": 500, "message": "too late"}},
    "beside a code of 0": {**FULL, "base_resp": {"status_code": 0, "status_msg": "success"}},
}


@pytest.mark.parametrize("name", READ)
async def test_an_answer_in_another_shape_is_read(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    outcome = await outcome_of(nursery, READ[name])
    assert outcome.failure is None
    assert outcome.answer is not None
    assert outcome.answer.text == "The Elbe."
    assert outcome.answer.usage.input_tokens == 1000


TWO_CHOICES = b"".join(
    event({"choices": [{"index": n, "delta": {"content": "A"}, **END_OF_ONE}]}) for n in range(2)
)

KEPT: dict[str, tuple[str, Any]] = {
    "in a list": (CHAT, [FULL]),
    "as a text": (CHAT, json.dumps(FULL)),
    "in a result": (CHAT, {"success": True, "result": FULL}),
    "Ollama's": (CHAT, {"message": {"role": "assistant", "content": "The Elbe."}, "done": True}),
    "a message": (CHAT, MESSAGE),
    "a chat answer": (MESSAGES, FULL),
    "a chat stream": (MESSAGES, TEXT + END),
    "a chat stream without its end": (MESSAGES, TEXT + END.removesuffix(DONE)),
}


@pytest.mark.parametrize("name", KEPT)
async def test_what_holds_an_answer_inside_is_kept_and_not_bought_again(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    """Broke: what had its answer in a wrapper was bought up to six times."""
    url, body = KEPT[name]
    outcome = await outcome_of(nursery, body, url=url)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.retried) == (UNUSABLE_ANSWER, False)
    assert "The Elbe." in (outcome.response or "")


# A body; its code, words and status, and whether it is tried again.
ERRORS: dict[str, tuple[Any, str | None, str, int, bool]] = {
    "a list of errors": ({"errors": [{"code": 7009, "message": "m"}]}, "7009", "m", 200, True),
    "MiniMax's": (
        {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "m"}},
        *("1002", "m", 200, True),
    ),
    "half an answer beside it": (
        {"choices": [{"message": {"content": "Ha"}}], "error": {"code": 503, "message": "m"}},
        *("503", "m", 503, True),
    ),
    "the key": (
        {"error": {"code": "invalid_api_key", "type": "invalid_request_error", "message": "m"}},
        *("invalid_api_key", "m", 401, False),
    ),
    "AWS's": (
        {"error": {"type": "ThrottlingException", "message": "m"}},
        *("ThrottlingException", "m", 429, True),
    ),
    "an event of no object": (b"event: error\ndata: [7]\n\n" + TEXT + END, None, "7", 200, True),
    "an event of nothing": (
        TEXT + event({"choices": [], "usage": USAGE}) + b"event: error\ndata:\n\n" + DONE,
        *(None, "the stream says error", 200, True),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_what_is_shaped_like_an_error_is_judged_as_it_says(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    body, code, words, status, again = ERRORS[name]
    outcome = await outcome_of(nursery, body)
    failure = outcome.failure
    assert failure is not None
    assert (failure.code, failure.message, failure.status) == (code, words, status)
    assert failure.retried == again


CALL = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a":1}'}}
CALLS: dict[str, list[Any]] = {
    "an object": [CALL],
    "said again whole": [[CALL], [CALL]],
    "said again whole after its pieces": [
        [{**CALL, "function": {"name": "f", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"a":1}'}}],
        [CALL],
    ],
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_is_read_once(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    deltas = [{"choices": [{"delta": {"tool_calls": calls}}]} for calls in CALLS[name]]
    outcome = await outcome_of(nursery, b"".join(map(event, deltas)) + END)
    assert outcome.answer is not None
    [call] = outcome.answer.body["choices"][0]["message"]["tool_calls"]
    assert call["function"] == CALL["function"]


@pytest.mark.parametrize(
    ("url", "body", "why"),
    [
        (CHAT, {**FULL, "usage": NO_OUTPUT}, "counts no output"),
        (MESSAGES, {**MESSAGE, "usage": {"input_tokens": 9, "output_tokens": 0}}, "no output"),
        (MESSAGES, {**MESSAGE, "usage": {"input_tokens": 0, "output_tokens": 0}}, "no tokens"),
        (CHAT, {"choices": [{**FULL["choices"][0], "usage": USAGE}] * 2}, "each choice"),
        (CHAT, {"usage": None, "choices": [{**FULL["choices"][0], "usage": USAGE}] * 2}, "each c"),
        (CHAT, TWO_CHOICES, "each choice"),
    ],
)
async def test_counts_that_can_not_be_all_leave_the_cost_unknown(
    nursery: trio.Nursery, autojump_clock: MockClock, url: str, body: Any, why: str
) -> None:
    outcome = await outcome_of(nursery, body, url=url)
    assert outcome.answer is not None
    assert why in (outcome.answer.usage.why_unpriced or "")
