"""An unstreamed answer, or the body that a stream was put together to."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from headrace.jobs import Usage

from .errors import ErrorBody, error_of
from .json_text import NotJSONError, decode, holds_answer, is_vectors, looks_paid, whole_characters
from .usage_places import told_usage

# Anthropic's stop_reason in OpenAI's words; what is in neither list stays as it is.
FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
# Reasons of an end that is not one of an answer.
FAILED_FINISHES = frozenset({"error", "abort", "aborted", "failed"})
NO_OUTPUT = "the usage counts no output, and the answer has some"
# Why most answers ended, in a tuple: what a service says instead may be a dict.
PLAIN_FINISHES = ("stop", "length")
PARTS_MAX = 10_000  # choices, content blocks or tool calls of one answer
# Fields of a message that are an answer by themselves.
SAID = ("refusal", "reasoning_content", "reasoning", "audio", "images")

Body = dict[str, Any]
ReadUsage = Callable[[Body], Usage]


class Answer(msgspec.Struct):
    """What came back. `body` is the answer as parsed JSON and `text` its first choice's text.

    `strict` is False where it could only be read leniently: its bytes are not JSON as they are.
    `vectors` are those that were taken out of the body, as 32-bit floats (little-endian), and
    `oddity` is what is odd about an answer that is kept all the same.
    """

    body: Any
    usage: Usage
    text: str | None = None
    finish_reason: str | None = None
    strict: bool = True
    vectors: list[bytes] | None = None
    oddity: str | None = None


class Partial(NamedTuple):
    """What a stream had brought when it broke off: all that was written, and the usage so far.

    Of a chat stream the usage is mostly empty; a messages stream tells its input at the beginning.
    """

    text: str
    usage: Usage


class UnusableAnswerError(ValueError):
    """What came is not an answer of this endpoint.

    `parsed` is its JSON object where there was one. `reported` is the error that it is instead.
    `paid` says that it holds what only an answer has: it is kept, and not asked for again.
    """

    def __init__(
        self,
        message: str,
        parsed: dict[str, Any] | None = None,
        *,
        reported: ErrorBody | None = None,
        paid: bool = False,
    ) -> None:
        super().__init__(message)
        self.parsed = parsed
        self.reported = reported
        self.paid = paid

    @property
    def brief(self) -> str:
        """What is wrong, without the parser's remark on where."""
        return str(self).partition(": ")[0]


def parse_object(data: bytes, what: str) -> tuple[dict[str, Any], bool]:
    """The JSON object in `data`, and whether it was strict JSON.

    Raises UnusableAnswerError, which calls it `what`.
    """
    try:
        parsed, strict = decode(data)
    except NotJSONError as error:
        if not data.strip():
            raise UnusableAnswerError(f"{what} is empty") from error
        raise UnusableAnswerError(f"{what} is not JSON: {error}", paid=looks_paid(data)) from error
    if not isinstance(parsed, dict):
        reported = error_of(parsed)
        paid = reported is None and (holds_answer(parsed) or is_vectors(parsed))
        raise UnusableAnswerError(f"{what} is JSON but not an object", reported=reported, paid=paid)
    if strict:
        return parsed, True
    try:
        return whole_characters(parsed), False
    except RecursionError as error:
        raise UnusableAnswerError(f"{what} is nested too deeply", paid=looks_paid(data)) from error


def failed_choice(choices: Any) -> ErrorBody | None:
    """The error of the first choice that reports one."""
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and (found := choice_error(choice)) is not None:
            return found
    return None


def choice_error(choice: Mapping[str, Any]) -> ErrorBody | None:
    """The error that one choice reports, None where it reports none: OpenRouter has it beside
    `"finish_reason": "error"`, engines that were stopped say `abort`."""
    if choice.get("error"):
        return error_of(choice)
    reason = choice.get("finish_reason")
    if type(reason) is str:
        if reason.lower() not in FAILED_FINISHES:
            return None
        return ErrorBody(None, f"the answer ended in {reason!r}", None)
    if isinstance(reason, dict) and str(reason.get("type")).lower() in FAILED_FINISHES:
        return error_of({**reason, "object": "error"})  # SGLang's own
    return None


def choices_in(body: Body, read_usage: ReadUsage, ended: bool) -> tuple[Answer, bool]:
    choices = body.get("choices")
    usage = read_usage(body)
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Answer(body, usage), False
    first = choices[0]
    if len(choices) == 1 and usage.output_tokens and not body.get("error"):
        # Nearly every answer: a text, and why it ended.
        message, finish = first.get("message"), first.get("finish_reason")
        content = message.get("content") if type(message) is dict else None
        if type(content) is str and content and finish in PLAIN_FINISHES and not first.get("error"):
            return Answer(body, usage, content, finish), True
    if failed_choice(choices) is not None:
        return Answer(body, usage), False
    message = first.get("message")
    content = message.get("content") if isinstance(message, dict) else first.get("text")
    finish = _word(first.get("finish_reason"))
    if body.get("error") and not (finish and says_something(first)):
        return Answer(body, usage), False  # (beside a whole answer it comes too late)
    if usage.output_tokens == 0 and says_something(first):
        usage = usage._replace(why_unpriced=usage.why_unpriced or NO_OUTPUT)
    text = content if isinstance(content, str) else text_of(content)
    ended = ended or (bool(finish) and _tells_usage(body))
    return Answer(body, usage, text, finish), ended or any(map(says_something, choices))


def _tells_usage(body: dict[str, Any]) -> bool:
    return isinstance(body.get("usage"), dict) or told_usage(body) is not None


def says_something(choice: Any) -> bool:
    """Whether a choice has content, a tool call, reasoning, a refusal or the like."""
    if not isinstance(choice, dict):
        return False
    message = choice.get("message")
    if not isinstance(message, dict):
        return bool(choice.get("text"))
    content = message.get("content")
    said = any(map(_holds, content)) if isinstance(content, list) else bool(content)
    said = said or bool(message.get("tool_calls") or message.get("function_call"))
    return said or any(message.get(name) for name in SAID)


def _holds(part: Any) -> bool:
    """Whether a part of a content has anything in it but the name of its kind."""
    if not isinstance(part, dict):
        return bool(part)
    return any(value for name, value in part.items() if name != "type")


def text_of(parts: Any) -> str | None:
    """The text of a content that is a list of parts; None where it has none."""
    if not isinstance(parts, list):
        return None
    texts = [
        part if isinstance(part, str) else part["text"]
        for part in parts
        if isinstance(part, str) or (isinstance(part, dict) and isinstance(part.get("text"), str))
    ]
    return "".join(texts) if texts else None


def content_in(body: Body, read_usage: ReadUsage, ended: bool) -> tuple[Answer, bool]:
    content = body.get("content")
    if isinstance(content, str):  # as some services say it, and as a request may
        content = [{"type": "text", "text": content}]
    usage = read_usage(body)
    reason = _word(body.get("stop_reason"))
    said = isinstance(content, list) and any(map(_holds, content))
    if not isinstance(content, list) or (body.get("error") and not (reason and said)):
        return Answer(body, usage), False
    if usage.output_tokens == 0 and said:
        usage = usage._replace(why_unpriced=usage.why_unpriced or NO_OUTPUT)
    finish = FINISH_REASONS.get(reason, reason) if reason else reason
    ended = ended or (bool(reason) and _tells_usage(body))
    return Answer(body, usage, text_of(content), finish), ended or said


def images_in(body: Body, read_usage: ReadUsage, _ended: bool) -> tuple[Answer, bool]:
    data = body.get("data")
    if not isinstance(data, list) or body.get("error"):
        return Answer(body, read_usage(body)), False
    # An item without an image is one that was refused, and has no price.
    images = sum(_is_image(each) for each in data)
    usage = read_usage(body)._replace(images=images, why_unpriced=None)
    return Answer(body, usage), images > 0


def _is_image(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.get("url") or item.get("b64_json"))


def index_of(part: Mapping[str, Any]) -> int:
    """The `index` of a part of a stream, 0 where it has none. Raises UnusableAnswerError."""
    index = part.get("index")
    if index is None:
        return 0
    if isinstance(index, str) and index.isdecimal():
        index = int(index[:9])
    elif isinstance(index, float) and index.is_integer():
        index = int(index)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < PARTS_MAX:
        raise UnusableAnswerError(f"a part of the stream has the index {index!r}", paid=True)
    return index


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None
