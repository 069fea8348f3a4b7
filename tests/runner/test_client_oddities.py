"""Answers as no specification has them: none ends a run, is bought twice, or passes for another."""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import UNUSABLE_ANSWER
from tests.runner.test_client import CHAT, IMAGES, MESSAGES, Wired, answer, job

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
DONE = b"data: [DONE]\n\n"
EVENTS = "Content-Type: text/event-stream"
JSON = "Content-Type: application/json"


def event(data: Any, name: str | None = None) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def chunk(delta: dict[str, Any], finish: str | None = None, **choice: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish, **choice}]})


def whole(**fields: Any) -> bytes:
    message = {"role": "assistant", "content": "The Elbe."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "c", "choices": [choice], "usage": USAGE, **fields}).encode()


TEXT = chunk({"role": "assistant", "content": "The Elbe."})
END = chunk({}, "stop") + event({"choices": [], "usage": USAGE}) + DONE
PROGRESS = (
    event({"message": "searching the web"}, "status"),
    event({"status": "processing", "message": "queued, position 3"}),
    event({"code": 0, "msg": "success", "data": None}),
    event({"code": "200", "message": "ok"}),
)
ANSWERS = {
    "comments before a body": (JSON, b": PROCESSING\n\n: PROCESSING\n\n" + whole()),
    "comments before a body, as a stream": (EVENTS, b": PROCESSING\n\n" + whole()),
    **{f"progress {n}": (EVENTS, each + TEXT + END) for n, each in enumerate(PROGRESS)},
    "an index of null": (
        EVENTS,
        event({"choices": [{"index": None, "delta": {"content": "The Elbe."}}]}) + END,
    ),
    "an index of text": (
        EVENTS,
        event({"choices": [{"index": "0", "delta": {"content": "The Elbe."}}]}) + END,
    ),
    "an empty message beside the delta": (
        EVENTS,
        chunk({"content": "The Elbe."}, message={"role": "assistant", "content": ""}) + END,
    ),
    "an end in quotes": (
        EVENTS,
        TEXT + event({"choices": [], "usage": USAGE}) + event('"[DONE]"'),
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_in_odd_dress_is_one(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    kind, body = ANSWERS[name]
    outcome = await Wired(nursery, answer(body, kind)).send(job(stream=kind == EVENTS))
    assert outcome.failure is None
    assert outcome.answer is not None
    assert outcome.answer.text == "The Elbe."
    assert outcome.answer.usage.input_tokens == 1000


KEPT = {
    "a broken event": event('{"id":"c","choices":[{"delta":{"content":"The "Elbe"."}}]}') + DONE,
    "a comma too many in the end": TEXT + event('{"choices":[{"finish_reason":"stop",}]}') + DONE,
}


@pytest.mark.parametrize("name", KEPT)
async def test_what_was_paid_for_and_cannot_be_read_is_kept(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    outcome = await Wired(nursery, answer(KEPT[name], EVENTS)).send(job(stream=True))
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.retried) == (UNUSABLE_ANSWER, False)
    assert outcome.response is not None
    assert "unreadable" in outcome.response


async def test_the_same_in_pythons_quotes(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    outcome = await Wired(nursery, answer(b"{'id': 'c', 'choices': []}", JSON)).send(job())
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.retried) == (UNUSABLE_ANSWER, False)
    assert outcome.response == "{\"raw\":\"{'id': 'c', 'choices': []}\"}"


async def test_a_page_with_json_in_it_is_a_page(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    page = b'<!DOCTYPE html><title>Sign in</title><script>{"id":"x","data":{}}</script>'
    outcome = await Wired(nursery, answer(page, "Content-Type: text/html")).send(job())
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.retried) == (None, True)


DEEP = '{"id":"c","a":' + "[" * 900 + "]" * 900 + ',"b":NaN,"choices":[]}'
ODD_INDEX = event({"choices": [{"index": -1, "delta": {"content": "x"}}]})
FATAL = {
    # what came, whether a stream was asked for, the error's kind and code, whether it is retried
    "half an emoji at the end": (
        answer(TEXT + event('{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}'), EVENTS),
        (True, "stream", None, True),
    ),
    "an index below 0, unasked": (
        answer(ODD_INDEX, EVENTS),
        (False, "protocol", UNUSABLE_ANSWER, False),
    ),
    "an index below 0, the last": (
        answer(TEXT + ODD_INDEX.rstrip(), EVENTS),
        (True, "protocol", UNUSABLE_ANSWER, False),
    ),
    "half an emoji as a code": (
        answer(
            b'{"error":{"code":"\\ud83d","message":"x","request_id":"\\ud83d"}}',
            JSON,
            status="400 Bad Request",
        ),
        (False, "http", "\ufffd", False),
    ),
    "a digit that is not a number": (
        answer(
            '{"error":{"code":"\u00b2","message":"x"}}'.encode(), JSON, status="400 Bad Request"
        ),
        (False, "http", "\u00b2", False),
    ),
    "deep and not strict": (
        answer(DEEP.encode(), JSON),
        (False, "protocol", UNUSABLE_ANSWER, False),
    ),
}


@pytest.mark.parametrize("name", FATAL)
async def test_no_answer_ends_the_run(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    data, (stream, kind, code, retried) = FATAL[name]
    outcome = await Wired(nursery, data).send(job(stream=stream))
    failure = outcome.failure
    assert failure is not None
    assert (failure.kind, failure.code, failure.retried) == (kind, code, retried)
    texts = (failure.code, failure.message, outcome.response, outcome.request_id)
    assert all(text is None or text.encode() for text in texts)
    if outcome.partial is not None:
        assert outcome.partial.text.encode()


REFUSED_IMAGE = {"error": {"code": "moderation_blocked", "message": "no"}}
SAID_NOTHING = {
    "an image refused": (IMAGES, {"created": 1, "data": [REFUSED_IMAGE]}),
    "an image without one": (IMAGES, {"created": 1, "data": [{"url": None, "b64_json": None}]}),
    "no images": (IMAGES, {"data": [], "usage": {"input_tokens": 12, "output_tokens": 0}}),
    "an empty part of messages": (
        MESSAGES,
        {"id": "m", "type": "message", "content": [{"type": "text", "text": ""}]},
    ),
    "an empty part of chat": (
        CHAT,
        {"choices": [{"message": {"content": [{"type": "text", "text": ""}]}}]},
    ),
}


@pytest.mark.parametrize("name", SAID_NOTHING)
async def test_an_answer_without_an_answer_is_a_failure(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    url, body = SAID_NOTHING[name]
    outcome = await Wired(nursery, answer(json.dumps(body).encode(), JSON)).send(job(url))
    assert outcome.answer is None
    assert outcome.failure is not None


async def test_images_beside_a_refused_one_are_counted_alone(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    body = {"data": [{"url": "http://x.test/a.png"}, {"url": None}]}
    outcome = await Wired(nursery, answer(json.dumps(body).encode(), JSON)).send(job(IMAGES))
    assert outcome.answer is not None
    assert outcome.answer.usage.images == 1


async def test_a_stream_that_ends_having_said_nothing_is_an_answer(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    body = chunk({"role": "assistant"}) + chunk({}, "stop") + DONE
    outcome = await Wired(nursery, answer(body, EVENTS)).send(job(stream=True))
    assert outcome.failure is None
    assert outcome.answer is not None
    assert outcome.answer.finish_reason == "stop"


async def test_a_function_call_is_a_token(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    first = chunk({"function_call": {"name": "f", "arguments": '{"a"'}})
    second = chunk({"function_call": {"name": "f", "arguments": ":1}"}})
    body = first + second + event({"choices": [], "usage": USAGE}) + DONE
    outcome = await Wired(nursery, answer(body, EVENTS)).send(job(stream=True))
    assert outcome.answer is not None
    called = outcome.answer.body["choices"][0]["message"]["function_call"]
    assert called == {"name": "f", "arguments": '{"a":1}'}
    assert outcome.first_token_at_s is not None


async def test_null_in_words_is_not_yet(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    body = chunk({"content": "The"}, "null")
    outcome = await Wired(nursery, answer(body, EVENTS)).send(job(stream=True))
    assert outcome.failure is not None
    assert outcome.failure.retried


BEYOND_TOKENS: list[dict[str, Any]] = [
    {**USAGE, "completion_tokens_details": {"reasoning_tokens": 900}},
    {**USAGE, "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 900}},
    {**USAGE, "completion_tokens_details": {"audio_tokens": 80}},
    {**USAGE, "citation_tokens": 20016},
    {**USAGE, "num_sources_used": 50},
]


@pytest.mark.parametrize("usage", BEYOND_TOKENS)
async def test_what_no_price_of_tokens_covers_leaves_the_cost_unknown(
    nursery: trio.Nursery, autojump_clock: MockClock, usage: dict[str, Any]
) -> None:
    outcome = await Wired(nursery, answer(whole(usage=usage), JSON)).send(job())
    assert outcome.answer is not None
    assert outcome.answer.usage.why_unpriced is not None


COMPACTION = {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500}
LAST = {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000}


@pytest.mark.parametrize(("rounds", "known"), [([LAST], True), ([COMPACTION, LAST], False)])
async def test_rounds_that_a_message_leaves_out_of_its_counts(
    nursery: trio.Nursery, autojump_clock: MockClock, rounds: list[Any], *, known: bool
) -> None:
    usage = {"input_tokens": 23_000, "output_tokens": 1_000, "iterations": rounds}
    body = json.dumps({"type": "message", "content": "The Elbe.", "usage": usage}).encode()
    outcome = await Wired(nursery, answer(body, JSON)).send(job(MESSAGES))
    assert outcome.answer is not None
    assert outcome.answer.text == "The Elbe."
    assert (outcome.answer.usage.why_unpriced is None) is known


async def test_a_later_zero_inside_a_part_of_the_usage_takes_nothing_back(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    start = {"input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 900}}
    end = {"output_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": 0}}
    body = (
        event({"type": "message_start", "message": {"content": [], "usage": start}})
        + event({"type": "content_block_start", "index": 0, "content_block": {"type": "text"}})
        + event({"type": "content_block_delta", "index": 0, "delta": {"text": "The Elbe."}})
        + event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": end})
        + event({"type": "message_stop"})
    )
    outcome = await Wired(nursery, answer(body, EVENTS)).send(job(MESSAGES, stream=True))
    assert outcome.answer is not None
    assert outcome.answer.usage.cache_write_1h_tokens == 900


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (
            {"statusCode": 429, "error": "Too Many Requests", "message": "try again in 5s"},
            None,
            "try again in 5s",
        ),
        (
            {"error": "insufficient_quota", "message": "You used all of it"},
            "insufficient_quota",
            "You used all of it",
        ),
    ],
)
async def test_an_error_that_is_a_word_beside_its_words(
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    body: dict[str, Any],
    code: str | None,
    words: str,
) -> None:
    data = answer(json.dumps(body).encode(), JSON, status="429 Too Many Requests")
    outcome = await Wired(nursery, data).send(job())
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.message) == (code, words)


F = {"name": "f", "arguments": '{"a":1}'}
G = {"name": "g", "arguments": '{"b":2}'}
CALLS: dict[str, tuple[list[dict[str, Any]], ...]] = {
    "no index and no id, at once": ([{"id": "", "function": F}, {"id": "", "function": G}],),
    "no index and no id, one by one": ([{"function": F}], [{"function": G}]),
    "an id that is said again without its index": (
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}],
        [{"id": "a", "function": {"arguments": '{"a":1}'}}],
        [{"index": 1, "id": "b", "function": G}],
    ),
    "a new id in each delta": (
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}],
        [{"index": 0, "id": "a2", "function": {"arguments": '{"a"'}}],
        [{"index": 0, "id": "a3", "function": {"arguments": ":1}"}}],
        [{"index": 0, "id": "a4", "function": {"arguments": ""}}],
        [{"index": 1, "id": "b", "function": G}],
    ),
    "a new id and the name in each delta": (
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a"'}}],
        [{"index": 0, "id": "a2", "function": {"name": "f", "arguments": ":1}"}}],
        [{"index": 0, "id": "b", "function": G}],
    ),
    "all of index 0, in pieces": (
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}],
        [{"index": 0, "id": "", "function": {"name": None, "arguments": '{"a":1}'}}],
        [{"index": 0, "id": "b", "function": {"name": "g", "arguments": ""}}],
        [{"index": 0, "id": "", "function": {"name": None, "arguments": '{"b":2}'}}],
    ),
    "a name in pieces": (
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a":1}'}}],
        [{"index": 1, "id": "b", "function": {"name": ""}}],
        [{"index": 1, "function": {"name": "g", "arguments": '{"b":2}'}}],
    ),
    "a name in pieces before any argument": (
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a":1}'}}],
        [{"index": 1, "id": "b", "function": {"name": "", "arguments": ""}}],
        [{"index": 1, "function": {"name": "g", "arguments": ""}}],
        [{"index": 1, "function": {"arguments": '{"b":2}'}}],
    ),
}


async def test_a_name_grows_until_its_arguments_begin(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Broke: the second half of a name began a call of its own."""
    halves = [
        {"name": "get_", "arguments": ""},
        {"name": "tide", "arguments": ""},
        {"arguments": "{}"},
    ]
    body = (
        b"".join(chunk({"tool_calls": [{"index": 0, "function": half}]}) for half in halves) + END
    )
    outcome = await Wired(nursery, answer(body, EVENTS)).send(job(stream=True))
    assert outcome.answer is not None
    calls = outcome.answer.body["choices"][0]["message"]["tool_calls"]
    assert [call["function"] for call in calls] == [{"name": "get_tide", "arguments": "{}"}]


@pytest.mark.parametrize("name", CALLS)
async def test_calls_are_told_apart(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    body = b"".join(chunk({"tool_calls": items}) for items in CALLS[name]) + END
    outcome = await Wired(nursery, answer(body, EVENTS)).send(job(stream=True))
    assert outcome.answer is not None
    calls = outcome.answer.body["choices"][0]["message"]["tool_calls"]
    assert [call["function"] for call in calls] == [F, G]


async def test_blocks_of_one_index_are_told_apart(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    text = {"type": "text", "text": ""}
    tools = [{"type": "tool_use", "id": name, "name": name, "input": {}} for name in "ab"]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"usage": {"input_tokens": 1}}}
    ]
    for block, delta in (
        (text, {"type": "text_delta", "text": "The "}),
        (text, {"type": "text_delta", "text": "Elbe."}),  # its start is said again
        (tools[0], {"type": "input_json_delta", "partial_json": '{"n":1}'}),
        (tools[1], {"type": "input_json_delta", "partial_json": '{"n":2}'}),
    ):
        events.append({"type": "content_block_start", "index": 0, "content_block": block})
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}})
    body = b"".join(map(event, events)) + event({"type": "message_stop"})
    outcome = await Wired(nursery, answer(body, EVENTS)).send(job(MESSAGES, stream=True))
    assert outcome.answer is not None
    assert outcome.answer.body["content"] == [
        {"type": "text", "text": "The Elbe."},
        {"type": "tool_use", "id": "a", "name": "a", "input": {"n": 1}},
        {"type": "tool_use", "id": "b", "name": "b", "input": {"n": 2}},
    ]


WIDE = "utf-16", "utf-16-le", "utf-16-be", "utf-32"


@pytest.mark.parametrize("encoding", [*WIDE, "latin-1"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_in_another_encoding_is_read(
    nursery: trio.Nursery, autojump_clock: MockClock, encoding: str, streamed: bool
) -> None:
    """Broke: UTF-16 was no JSON, and was paid for again."""
    message = {"role": "assistant", "content": "Die Elbe fließt."}
    choice = {"message": message, "finish_reason": "stop"}
    text = json.dumps({"choices": [choice], "usage": USAGE}, ensure_ascii=False)
    label = f"Content-Type: application/json; charset={encoding}"
    if streamed:
        delta = {"choices": [{"delta": message, "finish_reason": "stop"}], "usage": USAGE}
        text = f"data: {json.dumps(delta, ensure_ascii=False)}\n\ndata: [DONE]\n\n"
        label = f"Content-Type: text/event-stream; charset={encoding}"
        if encoding == "latin-1":
            return  # an event stream is UTF-8; what is wide shows that it is not by its zero bytes
    outcome = await Wired(nursery, answer(text.encode(encoding), label)).send(job(stream=streamed))
    assert outcome.failure is None
    assert outcome.answer is not None
    assert outcome.answer.text == "Die Elbe fließt."
    assert outcome.answer.usage.input_tokens == 1000


async def test_an_error_in_another_encoding_says_its_words(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    page = "<html><title>服务器过载</title></html>".encode("gb18030")
    data = answer(page, "Content-Type: text/html; charset=GB2312", status="503 X")
    outcome = await Wired(nursery, data).send(job())
    assert outcome.failure is not None
    assert outcome.failure.message == "服务器过载"


CUT = {
    # The last event lacks its empty line, and the connection its end.
    "the reason of the end": (TEXT + chunk({}, "stop")[:-2], "The Elbe.", None),
    "the usage": (TEXT + chunk({}, "stop") + event({"usage": USAGE})[:-1], "The Elbe.", 1000),
    "half of the usage": (
        TEXT + chunk({}, "stop") + event({"usage": USAGE})[:-20],
        "The Elbe.",
        None,
    ),
    "half of the reason": (TEXT + chunk({}, "stop")[:-9], None, None),
}


@pytest.mark.parametrize("name", CUT)
async def test_a_connection_that_breaks_in_the_last_event(
    nursery: trio.Nursery, autojump_clock: MockClock, name: str
) -> None:
    body, text, tokens = CUT[name]
    wired = Wired(nursery, answer(body + b"x" * 9, EVENTS)[:-9])
    wired.leaves = True
    outcome = await wired.send(job(stream=True))
    assert (outcome.answer.text if outcome.answer else None) == text
    assert (outcome.answer.usage.input_tokens if outcome.answer else None) == tokens
    assert (outcome.failure is None) is (text is not None)
    assert outcome.failure is None or outcome.failure.retried


FAILED = ("error", "ERROR", "abort", {"type": "abort", "message": "engine is stopping"})


@pytest.mark.parametrize("reason", FAILED)
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_reason_that_is_an_error_is_one_in_a_stream_or_not(
    nursery: trio.Nursery, autojump_clock: MockClock, reason: Any, streamed: bool
) -> None:
    said = {"delta" if streamed else "message": {"content": "Half"}, "finish_reason": reason}
    body = {"id": "c", "choices": [{"index": 0, **said}]}
    data = event(body) + DONE if streamed else json.dumps(body).encode()
    outcome = await Wired(nursery, answer(data, EVENTS if streamed else JSON)).send(
        job(stream=streamed)
    )
    assert outcome.answer is None
    assert outcome.failure is not None
    assert outcome.failure.retried
    words = reason["message"] if isinstance(reason, dict) else f"the answer ended in {reason!r}"
    assert outcome.failure.message == words
