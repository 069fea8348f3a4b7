"""An unstreamed answer, or the body that a stream was put together to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from headrace.jobs import EndpointKind, Usage

from .usage import anthropic_usage, openai_usage

# Anthropic's stop_reason in OpenAI's words; what is in neither list stays as it is.
FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
# Of an error's message. Whoever shows one takes the key out before it is cut to its final length.
MESSAGE_CHARACTERS_READ = 20_000
PARTS_MAX = 10_000  # choices, content blocks or tool calls of one answer


class Answer(msgspec.Struct):
    """What came back. `body` is the answer as parsed JSON and `text` its first choice's text."""

    body: dict[str, Any]
    usage: Usage
    text: str | None = None
    finish_reason: str | None = None


class Partial(NamedTuple):
    """What a stream had brought when it broke off: all that was written, and the usage so far.

    Of a chat stream the usage is mostly empty; a messages stream tells its input at the beginning.
    """

    text: str
    usage: Usage


class ErrorBody(NamedTuple):
    """The code, message and request id of an error answer, each None where it has none."""

    code: str | None
    message: str | None
    request_id: str | None


class UnusableAnswerError(ValueError):
    """The answer is not a JSON object, or has nothing in it that the endpoint should return.

    `parsed` is the JSON object where there was one: a paid answer is kept even so.
    """

    def __init__(self, message: str, parsed: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.parsed = parsed


def read_body(kind: EndpointKind, data: bytes) -> Answer:
    """Parse a whole body. Raises UnusableAnswerError where it is not an answer of this endpoint."""
    return from_object(kind, parse_object(data, "the answer"))


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `data`. Raises UnusableAnswerError, which calls it `what`."""
    try:
        parsed = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusableAnswerError(f"{what} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise UnusableAnswerError(f"{what} is JSON but not an object")
    return parsed


def from_object(kind: EndpointKind, body: dict[str, Any]) -> Answer:
    """The answer in a JSON object. Raises UnusableAnswerError where it holds none."""
    if kind == "messages":
        return _messages(body)
    if kind == "images":
        return _images(body)
    return _chat(body)


def _chat(body: dict[str, Any]) -> Answer:
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise UnusableAnswerError("the answer has no choices", body)
    for choice in choices:
        if not isinstance(choice, dict):
            raise UnusableAnswerError("the answer has no choices", body)
    usage = openai_usage(body.get("usage"))
    if not choices:
        return Answer(body, usage)
    message = choices[0].get("message")
    content = message.get("content") if isinstance(message, dict) else None
    finish = choices[0].get("finish_reason")
    return Answer(body, usage, content if isinstance(content, str) else None, _word(finish))


def _messages(body: dict[str, Any]) -> Answer:
    content = body.get("content")
    if not isinstance(content, list):
        raise UnusableAnswerError("the answer has no content", body)
    texts = [
        block["text"]
        for block in content
        if isinstance(block, dict) and isinstance(block.get("text"), str)
    ]
    reason = _word(body.get("stop_reason"))
    finish = None if reason is None else FINISH_REASONS.get(reason, reason)
    return Answer(
        body, anthropic_usage(body.get("usage")), "".join(texts) if texts else None, finish
    )


def _images(body: dict[str, Any]) -> Answer:
    data = body.get("data")
    if not isinstance(data, list):
        raise UnusableAnswerError("the answer has no data", body)
    return Answer(body, openai_usage(body.get("usage"))._replace(images=len(data)))


def index_of(part: Mapping[str, Any]) -> int:
    """The `index` of a part of a stream, 0 where it has none. Raises UnusableAnswerError."""
    index = part.get("index", 0)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < PARTS_MAX:
        raise UnusableAnswerError(f"a part of the stream has the index {index!r}")
    return index


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def read_error(data: bytes) -> ErrorBody:
    """The error in a body of the reference's shape, OpenAI's or Anthropic's; else its text."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = data.decode("utf-8", "replace").strip()
        return ErrorBody(None, text[:MESSAGE_CHARACTERS_READ] or None, None)
    return error_of(body) or ErrorBody(None, data.decode()[:MESSAGE_CHARACTERS_READ], None)


def error_of(body: Any) -> ErrorBody | None:
    """The error that a JSON body holds under `error`, or None where it holds none."""
    if not isinstance(body, Mapping) or not body.get("error"):
        return None
    error = body["error"]
    request_id = _word(body.get("request_id"))
    if not isinstance(error, Mapping):
        return ErrorBody(None, str(error)[:MESSAGE_CHARACTERS_READ], request_id)
    # OpenAI's code may be null or a number, with the word in `type`; Anthropic has only `type`.
    code = error.get("code") or error.get("type")
    message = _word(error.get("message"))
    return ErrorBody(
        None if code is None else str(code),
        None if message is None else message[:MESSAGE_CHARACTERS_READ],
        _word(error.get("request_id")) or request_id,
    )
