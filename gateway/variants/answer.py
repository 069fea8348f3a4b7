"""A right answer taken apart, and put together in either protocol, whole or streamed."""

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from ..chat import DONE, usage_of
from ..prices import ModelPrice
from ..response import EventStream, Response

Protocol = Literal[
    "chat",
    "messages",
    "images",
    "responses",
    "completions",
    "embeddings",
    "rerank",
    "moderations",
]
# For variants of calls where an answer has none.
INVENTED = ("read_level", '{"gauge": "weir", "hours": 2}')


class Answer(NamedTuple):
    """What a right answer says.

    Args:
        protocol: how it is written.
        streamed: whether a stream was asked for.
        response: the answer itself, with what it bills.
        price: of its model.
        base: the fields that each chunk, or the message, repeats: its id, its model ...
        pieces: its text, or the arguments of its call, token by token.
        finish: why it ended.
        call: the tool that it calls; None for a text.
    """

    protocol: Protocol
    streamed: bool
    response: Response
    price: ModelPrice
    base: dict[str, Any]
    pieces: Sequence[str] = ()
    finish: str = ""
    call: str | None = None

    @property
    def text(self) -> str:
        """All pieces together."""
        return "".join(self.pieces)

    @property
    def usage(self) -> dict[str, Any]:
        """What it used, as its protocol says it."""
        given, cached = self.response.input_tokens, self.response.cached_input_tokens
        made = self.response.output_tokens
        if self.protocol == "messages":
            read = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": cached}
            return {
                "input_tokens": given - cached,
                **(read if cached else {}),
                "output_tokens": made,
            }
        return usage_of(given, made, cached)

    def with_body(self, body: bytes | EventStream, **fields: Any) -> Response:
        """The response with another body, status, type or end."""
        return self.response._replace(body=body, **fields)


def take_apart(
    protocol: Protocol, response: Response, price: ModelPrice, *, streamed: bool
) -> Answer:
    """The answer in `response`, which has one choice."""
    answer = Answer(protocol, streamed, response, price, {})
    if protocol not in ("chat", "messages"):
        return answer
    if isinstance(response.body, bytes):
        fields = json.loads(response.body)
        return _whole_chat(answer, fields) if protocol == "chat" else _whole_message(answer, fields)
    events = [*response.body.opening, *response.body.events, *response.body.closing]
    parsed = [json.loads(event.partition(b"data: ")[2]) for event in events if event != DONE]
    return _chat_events(answer, parsed) if protocol == "chat" else _message_events(answer, parsed)


def _whole_chat(answer: Answer, fields: dict[str, Any]) -> Answer:
    choice = fields["choices"][0]
    text, call = choice["message"]["content"], None
    if text is None:
        function = choice["message"]["tool_calls"][0]["function"]
        text, call = function["arguments"], function["name"]
    base = {name: fields[name] for name in ("id", "created", "model")}
    return answer._replace(
        base=base,
        pieces=_in_pieces(text, answer.response.output_tokens),
        finish=choice["finish_reason"],
        call=call,
    )


def _whole_message(answer: Answer, fields: dict[str, Any]) -> Answer:
    block = fields["content"][0]
    text = block["text"] if block["type"] == "text" else json.dumps(block["input"])
    base = {name: fields[name] for name in ("id", "type", "role", "model")}
    return answer._replace(
        base=base,
        pieces=_in_pieces(text, answer.response.output_tokens),
        finish=fields["stop_reason"],
        call=block.get("name"),
    )


def _chat_events(answer: Answer, chunks: list[dict[str, Any]]) -> Answer:
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    deltas = [choice["delta"] for choice in choices]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    pieces = [call["function"]["arguments"] for call in calls[1:]]
    if not calls:
        texts = [delta.get("content") for delta in deltas[1:]]
        pieces = [text for text in texts if text is not None]
    base = {name: chunks[0][name] for name in ("id", "created", "model")}
    finish = next(choice["finish_reason"] for choice in choices if choice["finish_reason"])
    call = calls[0]["function"]["name"] if calls else None
    return answer._replace(base=base, pieces=pieces, finish=finish, call=call)


def _message_events(answer: Answer, events: list[dict[str, Any]]) -> Answer:
    base = {name: events[0]["message"][name] for name in ("id", "type", "role", "model")}
    deltas = [each["delta"] for each in events if each["type"] == "content_block_delta"]
    pieces = [delta.get("text", delta.get("partial_json")) for delta in deltas]
    call = events[1]["content_block"].get("name")
    finish = events[-2]["delta"]["stop_reason"]
    return answer._replace(base=base, pieces=pieces, finish=finish, call=call)


def _in_pieces(text: str, count: int) -> list[str]:
    """At most so many pieces, for answers that came whole."""
    size = -(-len(text) // count) or 1
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]


def to_json(data: object) -> str:
    """Without blanks, and with text as it is."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def event(data: object, name: str | None = None) -> bytes:
    """One server-sent event of JSON."""
    before = f"event: {name}\n" if name else ""
    return f"{before}data: {to_json(data)}\n\n".encode()


def named(name: str, **fields: object) -> bytes:
    """One event of the messages protocol."""
    return event({"type": name} | fields, name)


def chunk(answer: Answer, delta: object, finish: str | None = None, **more: object) -> bytes:
    """One event of a chat stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return chunk_of(answer, [choice], **more)


def chunk_of(answer: Answer, choices: object, **more: object) -> bytes:
    """One event of a chat stream with those choices."""
    head = {"id": answer.base["id"], "object": "chat.completion.chunk"}
    return event(head | answer.base | {"choices": choices} | more)


def chat_stream(
    answer: Answer,
    *,
    deltas: Sequence[object] | None = None,
    closing: Sequence[bytes] | None = None,
) -> EventStream:
    """A chat stream that says the answer; its usage is on its last chunk."""
    if deltas is None:
        deltas = (
            call_deltas(answer) if answer.call else [{"content": each} for each in answer.pieces]
        )
    if closing is None:
        closing = [chunk(answer, {}, answer.finish, usage=answer.usage), DONE]
    first = chunk(answer, {"role": "assistant", "content": None if answer.call else ""})
    return in_steps(answer, [first], [chunk(answer, delta) for delta in deltas], closing)


def call_of(answer: Answer) -> tuple[str, str]:
    """Name and arguments of its call, or of an invented one."""
    return (answer.call, answer.text) if answer.call else INVENTED


def call_deltas(answer: Answer) -> list[dict[str, Any]]:
    """The deltas of its one call."""
    start: dict[str, Any] = {"name": answer.call, "arguments": ""}
    call = {"index": 0, "id": f"call_{answer.base['id']}", "type": "function", "function": start}
    parts = [{"index": 0, "function": {"arguments": piece}} for piece in answer.pieces]
    return [{"tool_calls": [each]} for each in (call, *parts)]


def chat_whole(answer: Answer, *, message: dict[str, Any] | None = None, **fields: object) -> bytes:
    """A chat completion that says the answer; `fields` take the place of its own."""
    said: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.call:
        function = {"name": answer.call, "arguments": answer.text}
        call = {"id": f"call_{answer.base['id']}", "type": "function", "function": function}
        said |= {"content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": said | (message or {}), "finish_reason": answer.finish}
    body = {"id": answer.base["id"], "object": "chat.completion"} | answer.base
    return to_json(body | {"choices": [choice], "usage": answer.usage} | fields).encode()


def message_stream(
    answer: Answer,
    *,
    before: Sequence[bytes] = (),
    block: dict[str, Any] | None = None,
    pieces: Sequence[str] | None = None,
    began: dict[str, Any] | None = None,
    ended: dict[str, Any] | None = None,
    index: int = 0,
) -> EventStream:
    """A messages stream that says the answer.

    Args:
        answer: what it says.
        before: events between its start and its last block.
        block: how that block begins.
        pieces: what its deltas say.
        began: the usage of its start.
        ended: the usage of its end.
        index: of its last block.
    """
    usage = answer.usage
    counted = usage | {"output_tokens": 0} if began is None else began
    kind, field = ("input_json_delta", "partial_json") if answer.call else ("text_delta", "text")
    start: dict[str, Any] = {"stop_reason": None, "stop_sequence": None}
    start |= {"content": [], "usage": counted}
    first: dict[str, Any] = {"type": "text", "text": ""}
    if answer.call:
        first = {"type": "tool_use", "id": "toolu_1", "name": answer.call, "input": {}}
    deltas = [{"type": kind, field: each} for each in (answer.pieces if pieces is None else pieces)]
    used = {"output_tokens": usage["output_tokens"]} if ended is None else ended
    return in_steps(
        answer,
        [
            named("message_start", message=answer.base | start),
            *before,
            named("content_block_start", index=index, content_block=block or first),
        ],
        [named("content_block_delta", index=index, delta=delta) for delta in deltas],
        [
            named("content_block_stop", index=index),
            named("message_delta", delta=_ended(answer), usage=used),
            named("message_stop"),
        ],
    )


def message_whole(answer: Answer, *, before: Sequence[object] = (), **fields: object) -> bytes:
    """A message that says the answer; `before` are blocks ahead of its own."""
    block: dict[str, Any] = {"type": "text", "text": answer.text}
    if answer.call:
        block = {"type": "tool_use", "id": "toolu_1", "name": answer.call, "input": {}}
        block["input"] = json.loads(answer.text) if answer.finish == "tool_use" else {}
    body = answer.base | _ended(answer) | {"content": [*before, block], "usage": answer.usage}
    return to_json(body | fields).encode()


def _ended(answer: Answer) -> dict[str, Any]:
    return {"stop_reason": answer.finish, "stop_sequence": None}


def in_steps(
    answer: Answer, opening: Sequence[bytes], events: Sequence[bytes], closing: Sequence[bytes]
) -> EventStream:
    """A stream with no more paced events than the answer has steps: the rest ends it."""
    steps = answer.response.steps
    return EventStream(opening, events[:steps], [*events[steps:], *closing])
