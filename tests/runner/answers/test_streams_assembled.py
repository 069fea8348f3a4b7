"""Any answer, cut into deltas and bytes in any way, becomes the unstreamed body again."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import ENDPOINTS
from headrace.runner.answers import (
    ChatStream,
    MessagesStream,
    UnusableAnswerError,
    read_body,
    read_error,
)
from headrace.runner.answers.sse import Event, SSEParser
from tests.runner.conftest import Bench

texts = st.text(max_size=30)
names = st.text("abc_", min_size=1, max_size=6)
counts = st.integers(0, 10**6)


def cut(draw: st.DrawFn, text: str) -> list[str]:
    """`text` in pieces, none of them lost; also one that is empty."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    ends = [*places, len(text)]
    return [text[start:end] for start, end in zip([0, *places], ends, strict=True)]


def sse(draw: st.DrawFn, events: list[tuple[str | None, Any]]) -> list[bytes]:
    """Events as a server writes them, with comments between, in network reads of any size."""
    lines = []
    for name, data in events:
        if draw(st.booleans()):
            lines.append(": keep-alive\n\n")
        if name is not None:
            lines.append(f"event: {name}\n")
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        lines.append(f"data: {text}\n\n")
    wire = "".join(lines).encode("utf-8", "surrogatepass")
    places = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=20)))
    return [wire[a:b] for a, b in zip([0, *places], [*places, len(wire)], strict=True)]


# -- chat


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """A chat answer's message, unstreamed: text, reasoning, a refusal, tool calls, citations."""
    message: dict[str, Any] = {"role": "assistant", "content": draw(texts)}
    for name in ("reasoning_content", "reasoning", "refusal"):
        if draw(st.booleans()):
            message[name] = draw(texts)
    if draw(st.booleans()):
        message["tool_calls"] = [
            {
                "id": f"call_{n}",
                "type": "function",
                "function": {"name": draw(names), "arguments": json.dumps({"q": draw(texts)})},
            }
            for n in range(draw(st.integers(1, 3)))
        ]
    if draw(st.booleans()):
        citation = {"type": "url_citation", "url_citation": {"url": "https://a.test", "title": "a"}}
        message["annotations"] = [citation] * draw(st.integers(1, 3))
    return message


@st.composite
def usages(draw: st.DrawFn) -> dict[str, Any]:
    """What OpenAI, DeepSeek and others say of the tokens."""
    prompt, completion = draw(counts), draw(counts)
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if draw(st.booleans()):
        usage["prompt_tokens_details"] = {"cached_tokens": draw(counts), "audio_tokens": 0}
        usage["completion_tokens_details"] = {"reasoning_tokens": draw(counts)}
    if draw(st.booleans()):
        usage["prompt_cache_hit_tokens"] = draw(counts)
        usage["prompt_cache_miss_tokens"] = draw(counts)
    return usage


@st.composite
def chat_bodies(draw: st.DrawFn) -> dict[str, Any]:
    """An unstreamed chat answer."""
    choices = []
    for index in range(draw(st.integers(1, 3))):
        choice: dict[str, Any] = {
            "index": index,
            "message": draw(messages()),
            "finish_reason": draw(st.sampled_from(["stop", "length", "tool_calls"])),
        }
        if draw(st.booleans()):
            token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
            choice["logprobs"] = {"content": [token] * draw(st.integers(1, 4))}
        choices.append(choice)
    body = {"id": "c1", "object": "chat.completion", "created": 5, "model": "m"}
    extra = (
        {"system_fingerprint": "f", "citations": ["https://a.test"]} if draw(st.booleans()) else {}
    )
    return {**body, **extra, "choices": choices, "usage": draw(usages())}


def deltas(draw: st.DrawFn, choice: dict[str, Any]) -> list[dict[str, Any]]:
    """The deltas of one choice, in an order in which a service may send them."""
    message = choice["message"]
    found: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": ""}}]
    for name in ("reasoning_content", "reasoning", "content", "refusal"):
        if name in message:
            found += [{"delta": {name: piece}} for piece in cut(draw, message[name])]
    calls: list[list[dict[str, Any]]] = []
    for n, call in enumerate(message.get("tool_calls", ())):
        function = {"name": call["function"]["name"], "arguments": ""}
        parts = [{"index": n, "id": call["id"], "type": "function", "function": function}]
        arguments = cut(draw, call["function"]["arguments"])
        parts += [{"index": n, "function": {"arguments": piece}} for piece in arguments]
        calls.append(parts)
    found += [{"delta": {"tool_calls": [part]}} for part in interleaved(draw, calls)]
    for annotation in message.get("annotations", ()):
        found.append({"delta": {"annotations": [annotation]}})
    for token in choice.get("logprobs", {}).get("content", ()):
        place = draw(st.sampled_from(found))
        place.setdefault("logprobs", {"content": []})["content"].append(token)
    found.append({"delta": {}, "finish_reason": choice["finish_reason"]})
    return [{"index": choice["index"], **each} for each in found]


def interleaved(draw: st.DrawFn, rows: list[list[Any]]) -> list[Any]:
    """All rows' items in one row, each row's own order kept."""
    left, mixed = [list(row) for row in rows], []
    while left := [row for row in left if row]:
        mixed.append(draw(st.sampled_from(left)).pop(0))
    return mixed


@st.composite
def chat_streams(draw: st.DrawFn) -> tuple[dict[str, Any], list[bytes]]:
    """An unstreamed body, and the same answer streamed, in network reads."""
    body = draw(chat_bodies())
    head = {name: value for name, value in body.items() if name not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    parts = interleaved(draw, [deltas(draw, choice) for choice in body["choices"]])
    events: list[tuple[str | None, Any]] = [(None, {**head, "choices": [part]}) for part in parts]
    events.append((None, {**head, "choices": [], "usage": body["usage"]}))
    if draw(st.booleans()):
        events.append((None, "[DONE]"))
    return body, sse(draw, events)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(streamed=chat_streams())
def test_any_split_of_a_chat_stream_gives_the_unstreamed_body(
    streamed: tuple[dict[str, Any], list[bytes]],
) -> None:
    body, reads = streamed
    stream, parser = ChatStream(), SSEParser()
    for read in reads:
        for event in parser.feed(read):
            stream.add(event)
    assert stream.complete
    answer = stream.answer()
    unstreamed = read_body(ENDPOINTS["/v1/chat/completions"], json.dumps(body).encode())
    assert answer.body == body
    assert answer == unstreamed


# -- messages


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use"]))
    if kind == "text":
        block: dict[str, Any] = {"type": "text", "text": draw(texts)}
        if draw(st.booleans()):
            citation = {"type": "web_search_result_location", "url": "https://a.test"}
            block["citations"] = [citation] * draw(st.integers(1, 2))
        return block
    if kind == "thinking":
        return {"type": "thinking", "thinking": draw(texts), "signature": draw(names)}
    if kind == "redacted_thinking":
        return {"type": "redacted_thinking", "data": draw(names)}
    given = draw(st.dictionaries(names, texts | counts, max_size=3))
    return {"type": "tool_use", "id": draw(names), "name": draw(names), "input": given}


@st.composite
def messages_bodies(draw: st.DrawFn) -> dict[str, Any]:
    usage: dict[str, Any] = {"input_tokens": draw(counts), "output_tokens": draw(counts)}
    if draw(st.booleans()):
        usage["cache_creation_input_tokens"] = draw(counts)
        usage["cache_read_input_tokens"] = draw(counts)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": draw(st.lists(blocks(), max_size=4)),
        "stop_reason": draw(st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal"])),
        "stop_sequence": None,
        "usage": usage,
    }


def block_events(draw: st.DrawFn, index: int, block: dict[str, Any]) -> list[tuple[str, Any]]:
    grows = {
        "text": [("text", "text_delta")],
        "thinking": [("thinking", "thinking_delta"), ("signature", "signature_delta")],
    }.get(block["type"], [])
    begun = {**block, **{name: "" for name, _ in grows}}
    begun.pop("citations", None)
    if block["type"] == "tool_use":
        begun["input"] = {}
    found: list[tuple[str, Any]] = [("content_block_start", {"content_block": begun})]
    for name, kind in grows:
        pieces = cut(draw, block[name])
        found += [("content_block_delta", {"delta": {"type": kind, name: p}}) for p in pieces]
    for citation in block.get("citations", ()):
        delta = {"type": "citations_delta", "citation": citation}
        found.append(("content_block_delta", {"delta": delta}))
    if block["type"] == "tool_use" and (block["input"] or draw(st.booleans())):
        for piece in cut(draw, json.dumps(block["input"])):
            delta = {"type": "input_json_delta", "partial_json": piece}
            found.append(("content_block_delta", {"delta": delta}))
    found.append(("content_block_stop", {}))
    return [(name, {"type": name, "index": index, **data}) for name, data in found]


@st.composite
def messages_streams(draw: st.DrawFn) -> tuple[dict[str, Any], list[bytes]]:
    body = draw(messages_bodies())
    usage = dict(body["usage"])
    begun = {**body, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 0}}
    events: list[tuple[str | None, Any]] = [
        ("message_start", {"type": "message_start", "message": begun})
    ]
    for index, block in enumerate(body["content"]):
        events += block_events(draw, index, block)
        if draw(st.booleans()):
            events.append(("ping", {"type": "ping"}))
    told = usage if draw(st.booleans()) else {"output_tokens": usage["output_tokens"]}
    ending = {"stop_reason": body["stop_reason"], "stop_sequence": None}
    events.append(("message_delta", {"type": "message_delta", "delta": ending, "usage": told}))
    if draw(st.booleans()):
        events.append(("message_stop", {"type": "message_stop"}))
    return body, sse(draw, events)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(streamed=messages_streams())
def test_any_split_of_a_messages_stream_gives_the_unstreamed_body(
    streamed: tuple[dict[str, Any], list[bytes]],
) -> None:
    body, reads = streamed
    stream, parser = MessagesStream(), SSEParser()
    for read in reads:
        for event in parser.feed(read):
            stream.add(event)
    assert stream.complete
    answer = stream.answer()
    assert answer.body == body
    assert answer == read_body(ENDPOINTS["/v1/messages"], json.dumps(body).encode())


# -- what is large, deep, or out of order


def test_tool_calls_come_in_the_order_of_their_index() -> None:
    stream = ChatStream()
    for n in (1, 0, 2):
        call = {"index": n, "id": f"call_{n}", "function": {"name": "f", "arguments": "{}"}}
        chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
        stream.add(Event("message", json.dumps(chunk).encode()))
    calls = stream.answer().body["choices"][0]["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_0", "call_1", "call_2"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ChatStream, MessagesStream])
def test_a_long_answer_takes_time_in_proportion_to_its_length(
    kind: type[ChatStream] | type[MessagesStream],
) -> None:
    """Broke: each delta copied the whole text so far, 160 GB of it for this one."""
    deltas = {
        ChatStream: {"choices": [{"index": 0, "delta": {"content": "x" * 100}}]},
        MessagesStream: {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "x" * 100},
        },
    }
    event = Event("message", json.dumps(deltas[kind]).encode())
    took = []
    for count in (5_000, 50_000):
        stream = kind()
        began = time.process_time()
        for _ in range(count):
            stream.add(event)
        took.append(time.process_time() - began)
        assert stream.answer().text == "x" * 100 * count
    assert took[1] < 40 * took[0]


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_what_is_nested_without_end_is_unusable_and_no_more(depth: int) -> None:
    """Broke: the parser's RecursionError ended the whole run."""
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    for endpoint in ENDPOINTS.values():
        with pytest.raises(UnusableAnswerError):
            read_body(endpoint, deep)
    assert read_error(deep).code is None
    for stream in (ChatStream(), MessagesStream()):
        try:
            stream.add(Event("message", b'{"choices":[{"delta":' + deep + b"}]}"))
            assert isinstance(stream.answer().body, dict)
        except UnusableAnswerError:
            pass


# -- against the gateway


def shape(value: Any) -> Any:
    """Names and types, without what they hold."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


@pytest.mark.parametrize("url", ["/v1/chat/completions", "/v1/messages", "/v1/search/completions"])
async def test_a_streamed_job_has_a_result_like_that_of_the_unstreamed_one(
    bench: Bench, autojump_clock: MockClock, url: str
) -> None:
    """The gateway answers each request with a text of its own, so the shapes are compared."""
    lines = []
    for streamed in (False, True):
        messages = [{"role": "user", "content": "what about it?"}]
        body = {"model": "deepseek-v4-flash", "max_tokens": 60, "messages": messages}
        line = {"custom_id": str(streamed), "url": url, "body": {**body, "stream": streamed}}
        lines.append(json.dumps(line).encode())
    bench.write(*lines)
    ran = await bench.run_on(bench.gateway(output_tokens=30))
    whole, streamed_row = ran.results.to_dicts()
    assert streamed_row["ttft_s"] is not None
    assert shape(json.loads(streamed_row["response"])) == shape(json.loads(whole["response"]))
    for row in (whole, streamed_row):
        assert row["text"]
        assert row["output_tokens"] in (30, 31)  # a search ends in where it was found
        assert row["finish_reason"] == "stop"
