"""Failures that come as a 200: errors in many dresses, and ends without an answer."""

import json
from collections.abc import Callable
from typing import Any

from ..chat import DONE
from ..response import EventStream, Response
from .answer import Answer, chat_whole, chunk, event, in_steps, message_stream, named, to_json

PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in to the lock-keeper's network</title></head>\n"
    b"<body><h1>Welcome ashore</h1><form action='/go'><button>Agree</button></form></body></html>\n"
)
LIMITED = "The upstream of this model is rate limited; try again in 2s."


def error_body(answer: Answer) -> Response:
    """An error of 429, as a body."""
    if answer.protocol == "messages":
        error = {"type": "rate_limit_error", "message": LIMITED}
        return _body(answer, {"type": "error", "error": error})
    return _body(answer, {"error": {"code": 429, "message": LIMITED}})


def error_as(fields: dict[str, Any]) -> Callable[[Answer], Response]:
    """An error without an `error` key: the body, or an event after the start of a stream."""

    def make(answer: Answer) -> Response:
        if not answer.streamed:
            return _body(answer, fields)
        return _stream(answer, [*_start(answer), event(fields), *_end(answer)])

    return make


def error_first(answer: Answer) -> Response:
    """An error is the first that is said."""
    fields = {"error": {"message": "The model took too long.", "type": "Timeout", "code": 504}}
    return _stream(answer, [event(fields), *_end(answer)])


def error_named(answer: Answer) -> Response:
    """An event called `error`, half way, whose data has no such key."""
    fields = {"message": "The upstream went away.", "code": 502}
    return _half(answer, [event(fields, "error"), *_end(answer)])


def error_overloaded(answer: Answer) -> Response:
    """The protocol's own error event, half way."""
    error = {"type": "overloaded_error", "message": "The turbine is overloaded."}
    return _half(answer, [named("error", error=error)])


def error_foreign(answer: Answer) -> Response:
    """The other protocol's error and end in a stream of messages."""
    error = {"message": "A guardrail failed.", "type": "None", "param": None, "code": "500"}
    return _stream(answer, [*_start(answer), event({"error": error}), DONE])


def finish_error(answer: Answer) -> Response:
    """A choice that ended in an error."""
    error = {"code": 502, "message": "The provider went away."}
    half = answer.text[: len(answer.text) // 2]
    if answer.streamed:
        return _half(answer, [chunk_with_error(answer, error), DONE])
    choice = {"index": 0, "message": {"role": "assistant", "content": half}}
    choices = [choice | {"finish_reason": "error", "error": error}]
    return answer.with_body(chat_whole(answer, choices=choices))


def chunk_with_error(answer: Answer, error: object) -> bytes:
    """The chunk that ends a choice in an error."""
    data = json.loads(chunk(answer, {"content": ""}, "error").partition(b"data: ")[2])
    data["choices"][0]["error"] = error
    return event(data)


def finish_empty(answer: Answer) -> Response:
    """Chunks that all have an empty finish_reason and usage so far; then the connection ends."""
    events, given = [], answer.usage["prompt_tokens"]
    for made, piece in enumerate(answer.pieces[: (len(answer.pieces) + 1) // 2], 1):
        usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        events.append(chunk(answer, {"content": piece}, "", usage=usage))
    return answer.with_body(in_steps(answer, [], events, []), cut=True)


def only_end(answer: Answer) -> Response:
    """Nothing but the mark of the end."""
    return _stream(answer, _end(answer))


def start_end(answer: Answer) -> Response:
    """The start of an answer, and its end."""
    return _stream(answer, [*_start(answer), *_end(answer)])


def half_end(answer: Answer) -> Response:
    """Half an answer, and the mark of the end: no reason to finish, and no usage."""
    return _half(answer, _end(answer))


def no_choices(answer: Answer) -> Response:
    """No choice at all, with usage."""
    usage = answer.usage | {"completion_tokens": 0, "total_tokens": answer.usage["prompt_tokens"]}
    return answer.with_body(chat_whole(answer, choices=[], usage=usage))


def page(answer: Answer) -> Response:
    """The page of a network that wants to be signed in to."""
    return answer.with_body(PAGE, content_type="text/html")


def _body(answer: Answer, fields: dict[str, Any]) -> Response:
    return answer.with_body(to_json(fields).encode())


def _stream(answer: Answer, events: list[bytes]) -> Response:
    return answer.with_body(EventStream([], [], events))


def _start(answer: Answer) -> list[bytes]:
    if answer.protocol == "messages":
        return [message_stream(answer).opening[0]]
    return [chunk(answer, {"role": "assistant", "content": ""})]


def _end(answer: Answer) -> list[bytes]:
    return [named("message_stop") if answer.protocol == "messages" else DONE]


def _half(answer: Answer, closing: list[bytes]) -> Response:
    body = answer.response.body
    assert isinstance(body, EventStream)
    half = body.events[: (len(body.events) + 1) // 2]
    return answer.with_body(EventStream(body.opening, half, closing))
