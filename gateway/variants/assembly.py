"""Right answers whose parts are put together in other ways: calls, lists of parts, blocks."""

from typing import Any

from ..response import EventStream, Response
from .answer import (
    Answer,
    call_of,
    chat_stream,
    chat_whole,
    event,
    message_stream,
    named,
)


def same_index(answer: Answer) -> Response:
    """Two calls that both say index 0, each with its own id."""
    name, arguments = call_of(answer)
    calls = [_call(f"call_{at}", name, arguments) | {"index": 0} for at in ("a", "b")]
    return _called(answer, calls)


def no_index(answer: Answer) -> Response:
    """A call whose parts say no index, and its id only once."""
    name, arguments = call_of(answer)
    half = len(arguments) // 2
    rest = {"function": {"arguments": arguments[half:]}}
    return _called(answer, [_call("call_a", name, arguments[:half]), rest])


def said_again(answer: Answer) -> Response:
    """A call whose every part repeats its id, type and name."""
    name, arguments = call_of(answer)
    half = len(arguments) // 2
    parts = (arguments[:half], arguments[half:])
    return _called(answer, [_call("call_a", name, part) | {"index": 0} for part in parts])


def fresh_ids(answer: Answer) -> Response:
    """A call whose every part has an id of its own, and its name only once."""
    name, arguments = call_of(answer)
    half = len(arguments) // 2
    first = _call("call_a", name, "") | {"index": 0}
    rest: list[dict[str, Any]] = [
        {"index": 0, "id": f"call_{at}", "type": "function", "function": {"arguments": part}}
        for at, part in (("b", arguments[:half]), ("c", arguments[half:]))
    ]
    return _called(answer, [first, *rest])


def null_names(answer: Answer) -> Response:
    """A call whose later parts have an empty id, and null for a name."""
    name, arguments = call_of(answer)
    rest = {"name": None, "arguments": arguments}
    calls = [_call("call_a", name, ""), {"id": "", "type": "function", "function": rest}]
    return _called(answer, [call | {"index": 0} for call in calls])


def _call(ident: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": ident, "type": "function", "function": function}


def _called(answer: Answer, calls: list[dict[str, Any]]) -> Response:
    deltas = [{"tool_calls": [call]} for call in calls]
    finished = answer._replace(call=call_of(answer)[0], finish="tool_calls")
    return answer.with_body(chat_stream(finished, deltas=deltas))


def content_parts(answer: Answer) -> Response:
    """Content as a list of parts: thoughts, then text; in a stream the text as strings, too."""
    thoughts, texts = _halves(answer)
    if not answer.streamed:
        content = [_thinking("".join(thoughts)), {"type": "text", "text": "".join(texts)}]
        return answer.with_body(chat_whole(answer, message={"content": content}))
    deltas: list[Any] = [{"content": [_thinking(each)]} for each in thoughts]
    deltas += [{"content": [{"type": "text", "text": each}]} for each in texts[:1]]
    deltas += [{"content": each} for each in texts[1:]]
    return answer.with_body(chat_stream(answer, deltas=deltas))


def _thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def reasoning(answer: Answer) -> Response:
    """Reasoning beside the content, in two fields that say the same."""
    thoughts, texts = _halves(answer)
    if not answer.streamed:
        thought = "".join(thoughts)
        message = {"content": "".join(texts), **_reasoned(thought)}
        return answer.with_body(chat_whole(answer, message=message))
    deltas: list[Any] = [_reasoned(each) for each in thoughts]
    deltas += [{"content": each} for each in texts]
    return answer.with_body(chat_stream(answer, deltas=deltas))


def _reasoned(text: str) -> dict[str, Any]:
    detail = {"type": "reasoning.text", "text": text, "format": "river-v1", "index": 0}
    return {"reasoning": text, "reasoning_details": [detail]}


def foreign_events(answer: Answer) -> Response:
    """Named events that are not the protocol's, among its own."""
    begun = event({"id": "tool-9", "tool": "shell", "status": "running"}, "tool.progress")
    ended = event({"id": "tool-9", "status": "done"}, "tool.progress")
    body = answer.response.body
    assert isinstance(body, EventStream)
    opened = [*body.opening[:1], begun, *body.opening[1:]]
    return answer.with_body(EventStream(opened, body.events, [ended, *body.closing]))


def compaction(answer: Answer) -> Response:
    """A block and a delta of a kind that the reference does not know."""
    return _with_block(
        answer,
        {"type": "compaction", "content": None},
        {"type": "compaction_delta", "content": "We spoke of rivers."},
    )


def thinking(answer: Answer) -> Response:
    """Thoughts with their signature, then a block that can't be read, then the text."""
    redacted = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
    return _with_block(
        answer,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Which river is it?"},
        {"type": "signature_delta", "signature": "c2ln"},
        then=(
            named("content_block_start", index=1, content_block=redacted),
            named("content_block_stop", index=1),
        ),
    )


def _with_block(
    answer: Answer, block: dict[str, Any], *deltas: dict[str, Any], then: tuple[bytes, ...] = ()
) -> Response:
    before = [
        named("content_block_start", index=0, content_block=block),
        *(named("content_block_delta", index=0, delta=delta) for delta in deltas),
        named("content_block_stop", index=0),
        *then,
    ]
    return answer.with_body(message_stream(answer, before=before, index=2 if then else 1))


def text_in_start(answer: Answer) -> Response:
    """The first text in the start of its block."""
    block = {"type": "text", "text": answer.pieces[0]}
    return answer.with_body(message_stream(answer, block=block, pieces=answer.pieces[1:]))


def _halves(answer: Answer) -> tuple[list[str], list[str]]:
    half = len(answer.pieces) // 2
    return list(answer.pieces[:half]), list(answer.pieces[half:])
