"""The body of a response (`/v1/responses`): its output, and why it ended, in OpenAI's older words.

https://platform.openai.com/docs/api-reference/responses/object
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .body import NO_OUTPUT, Answer, Body, ReadUsage, UnusableAnswerError
from .counts import mapping_of
from .errors import ErrorBody
from .usage_places import told_usage

# Why it is incomplete, in the words of chat; what is not here stays as it is.
REASONS = {"max_output_tokens": "length", "max_tokens": "length"}
FAILED = frozenset({"failed", "cancelled"})
UNFINISHED = frozenset({"queued", "in_progress"})
# Items that wait for the caller, who runs the tool or allows it.
CALLS = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "mcp_approval_request",
    }
)
# Items of tools that the service ran, which are billed apart from tokens.
BILLED_APART = frozenset({"file_search_call", "code_interpreter_call", "image_generation_call"})
# Fields of an item in which it says something.
SAID = ("arguments", "input", "summary", "result", "encrypted_content", "action", "operation")


def output_in(body: Body, read_usage: ReadUsage, ended: bool) -> tuple[Answer, bool]:
    """The answer in a response, and whether it is whole.

    Raises UnusableAnswerError where it is still being made.
    """
    output, status, usage = body.get("output"), body.get("status"), read_usage(body)
    if body.get("error"):
        return Answer(body, usage), False
    if status in FAILED:
        reported = ErrorBody(None, f"the response is {status}", None)
        paid = any((told_usage(body) or {}).values())
        raise UnusableAnswerError(f"the response is {status}", body, reported=reported, paid=paid)
    if status in UNFINISHED and not ended:
        raise UnusableAnswerError(
            f"the response is {status}: one in the background is not waited for", body, paid=True
        )
    items = [each for each in output if isinstance(each, dict)] if isinstance(output, list) else []
    said = any(map(_says_something, items))
    searches = sum(map(_is_search, items))
    if searches:
        usage = usage._replace(web_searches=searches)
    apart = next((each["type"] for each in items if each.get("type") in BILLED_APART), None)
    if apart is not None and usage.why_unpriced is None:
        usage = usage._replace(
            why_unpriced=f"the answer has {apart}, which a price file has no price for"
        )
    if usage.output_tokens == 0 and said:
        usage = usage._replace(why_unpriced=usage.why_unpriced or NO_OUTPUT)
    texts = list(_texts(items))
    whole = ended or said or (status in ("completed", "incomplete") and bool(told_usage(body)))
    finish = _finish(body, items)
    return Answer(body, usage, "".join(texts) if texts else None, finish), whole


def _finish(body: Mapping[str, Any], items: list[Body]) -> str | None:
    status = body.get("status")
    if status == "incomplete":
        reason = mapping_of(body.get("incomplete_details")).get("reason")
        return REASONS.get(reason, reason) if isinstance(reason, str) else status
    if status != "completed":
        return None
    return "tool_calls" if any(each.get("type") in CALLS for each in items) else "stop"


def _parts(items: list[Body]) -> Iterator[Body]:
    """The parts of all messages."""
    for item in items:
        content = item.get("content")
        if isinstance(content, str):  # as some services say it, and as a request may
            content = [{"text": content}]
        if item.get("type") == "message" and isinstance(content, list):
            yield from (part for part in content if isinstance(part, dict))


def _texts(items: list[Body]) -> Iterator[str]:
    for part in _parts(items):
        if isinstance(text := part.get("text"), str):
            yield text


def _says_something(item: Body) -> bool:
    if any(part.get("text") or part.get("refusal") for part in _parts([item])):
        return True
    content = item.get("content")
    thought = item.get("type") == "reasoning" and bool(content)
    return thought or any(item.get(name) for name in SAID)


def _is_search(item: Body) -> bool:
    """Whether an item is a search of the web, which is billed; opening what it found is not."""
    if item.get("type") != "web_search_call":
        return False
    return bool(mapping_of(item.get("action")).get("type", "search") == "search")
