"""From a body to its answer, by what its endpoint answers with."""

from collections.abc import Callable
from typing import Any

from headrace.jobs import Endpoint, SuccessKind, UsageKind

from .body import (
    Answer,
    Body,
    ReadUsage,
    UnusableAnswerError,
    choices_in,
    content_in,
    failed_choice,
    images_in,
    parse_object,
)
from .embeddings import vectors_in
from .endpoint_usage import free_usage, input_usage, rerank_usage, unplaced_usage
from .errors import error_of, says_error
from .json_text import NotJSONError, decode, has_more, holds_answer, is_page, raw, whole_characters
from .output import output_in
from .results import results_in
from .sse import begins_as_events
from .usage import anthropic_usage, openai_usage
from .usage_places import told_usage

# By where an endpoint's answers tell their usage.
USAGES: dict[UsageKind, ReadUsage] = {
    "openai": openai_usage,
    "anthropic": anthropic_usage,
    "input": input_usage,
    "rerank": rerank_usage,
    "none": free_usage,
    "named": unplaced_usage,
}


def read_body(endpoint: Endpoint, data: bytes) -> Answer:
    """Parse a whole body. Raises UnusableAnswerError where it is not an answer of this endpoint."""
    if endpoint.success == "anything":
        return _read_anything(endpoint, data)
    body, strict = parse_object(data, "the answer")
    answer = from_object(endpoint, body)
    answer.strict = strict
    return answer


def from_object(endpoint: Endpoint, body: Body, *, ended: bool = False) -> Answer:
    """The answer in a JSON object. `ended` where a stream has shown that it is whole, even if it
    says nothing.

    Raises UnusableAnswerError where it holds none: where it is an error, or has nothing in it that
    was asked for.
    """
    answer, whole = READERS[endpoint.success](body, USAGES[endpoint.usage], ended)
    if not whole:
        raise _unusable(body)
    return answer


def _unusable(body: Body) -> UnusableAnswerError:
    counted = any((told_usage(body) or {}).values())
    if (reported := error_of(body)) is not None:
        # Some say both: a choice that ended in an error, and what it cost until then.
        return UnusableAnswerError("the answer is an error", body, reported=reported, paid=counted)
    failed = failed_choice(body.get("choices") or body.get("data"))
    if failed is not None:
        return UnusableAnswerError("the answer ended in an error", body, reported=failed)
    paid = counted or bool(body.get("data")) or holds_answer(body)
    return UnusableAnswerError("the answer has no content", body, paid=paid)


def _read_anything(endpoint: Endpoint, data: bytes) -> Answer:
    """Whatever an endpoint answers that nobody knows: JSON of any kind, else the bytes as they
    are. What is a page, or nothing, was not its answer."""
    try:
        value, strict = decode(data)
    except NotJSONError as error:
        if not data.strip():
            raise UnusableAnswerError("the answer is empty") from error
        if is_page(data) or begins_as_events(data):
            raise UnusableAnswerError("the answer is not JSON") from error
        return Answer(raw(data), USAGES[endpoint.usage]({}), strict=False)
    if not strict:
        if begins_as_events(data):  # lines of JSON, of which this would be the first
            raise UnusableAnswerError("the answer is several")
        value = whole_characters(value)
    answer, whole = _anything_in(value if isinstance(value, dict) else {}, USAGES["named"], False)
    if not whole:
        raise _unusable(value)
    answer.body, answer.strict = raw(data) if not strict and has_more(data) else value, strict
    return answer


def _anything_in(body: Body, read_usage: ReadUsage, _ended: bool) -> tuple[Answer, bool]:
    said = (body.get("object"), body.get("type"))
    failed = bool(body.get("error") or body.get("errors") or any(map(says_error, said)))
    return Answer(body, read_usage(body)), not failed


# By what a good answer has: the answer in a body, and whether it is whole, as its stream may have
# shown already.
READERS: dict[SuccessKind, Callable[[dict[str, Any], ReadUsage, bool], tuple[Answer, bool]]] = {
    "choices": choices_in,
    "content": content_in,
    "output": output_in,
    "images": images_in,
    "vectors": vectors_in,
    "results": results_in,
    "anything": _anything_in,
}
