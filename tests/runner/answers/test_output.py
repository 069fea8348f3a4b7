"""The output of a response: text, calls, why it ended, and what is billed beside its tokens."""

import json
from typing import Any

import pytest

from headrace.jobs import ENDPOINTS
from headrace.runner.answers import Answer, UnusableAnswerError, read_body

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 6,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 16,
}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": list(parts)}


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": []}


def read(*output: dict[str, Any], status: str | None = "completed", **fields: Any) -> Answer:
    body: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "status": status,
        "output": output,
    }
    body |= {"error": None, "incomplete_details": None, "usage": USAGE, **fields}
    return read_body(ENDPOINTS["/v1/responses"], json.dumps(body).encode())


def test_all_texts_are_one_and_the_usage_has_its_details() -> None:
    answer = read(THOUGHT, message(text("two "), text("words")), message(text("!")))
    assert (answer.text, answer.finish_reason) == ("two words!", "stop")
    usage = answer.usage
    assert (usage.input_tokens, usage.cached_input_tokens) == (10, 4)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.why_unpriced) == (6, 2, None)


@pytest.mark.parametrize(
    ("reason", "word"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "incomplete")],
)
def test_a_response_that_is_incomplete_says_why_in_the_words_of_chat(
    reason: str | None, word: str
) -> None:
    answer = read(message(text("half")), status="incomplete", incomplete_details={"reason": reason})
    assert (answer.text, answer.finish_reason) == ("half", word)


def test_a_call_is_an_answer_without_text() -> None:
    answer = read(CALL)
    assert (answer.text, answer.finish_reason) == (None, "tool_calls")


@pytest.mark.parametrize(
    "item",
    [
        {"type": "computer_call", "action": {"type": "click"}},
        {"type": "local_shell_call", "action": {"type": "exec"}},
        {"type": "apply_patch_call", "operation": {"type": "create_file"}},
        {"type": "mcp_approval_request", "arguments": "{}"},
    ],
)
def test_what_waits_for_the_caller_is_a_call(item: dict[str, Any]) -> None:
    assert read(item, usage=None).finish_reason == "tool_calls"


def test_a_content_may_be_a_text() -> None:
    assert read({"type": "message", "role": "assistant", "content": "hello"}).text == "hello"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
@pytest.mark.parametrize(("usage", "paid"), [(None, False), (USAGE, True)])
def test_a_failure_that_says_nothing_is_one_of_the_service(
    usage: Any, paid: bool, status: str
) -> None:
    with pytest.raises(UnusableAnswerError, match=f"the response is {status}") as raised:
        read(message(text("half")), status=status, usage=usage)
    assert raised.value.reported is not None
    assert raised.value.paid is paid


def test_a_refusal_is_an_answer() -> None:
    answer = read(message({"type": "refusal", "refusal": "no"}))
    assert (answer.text, answer.finish_reason) == (None, "stop")


def test_nothing_at_the_limit_is_an_answer_that_was_paid_for() -> None:
    fields = {"incomplete_details": {"reason": "max_output_tokens"}}
    assert read(status="incomplete", **fields).finish_reason == "length"


def test_searches_are_counted_and_other_tools_have_no_price() -> None:
    search = {"type": "web_search_call", "action": {"type": "search", "query": "q"}}
    opened = {"type": "web_search_call", "action": {"type": "open_page"}}
    answer = read(search, opened, {"type": "web_search_call"}, message(text("x")))
    assert (answer.usage.web_searches, answer.usage.why_unpriced) == (2, None)
    found = read({"type": "file_search_call"}, message(text("x")))
    assert "file_search_call" in str(found.usage.why_unpriced)


def test_output_that_is_not_counted_has_no_cost() -> None:
    usage = {"input_tokens": 3, "output_tokens": 0, "total_tokens": 3}
    assert "counts no output" in str(read(message(text("x")), usage=usage).usage.why_unpriced)


def test_a_failed_response_is_its_error() -> None:
    with pytest.raises(UnusableAnswerError) as raised:
        read(status="failed", usage=None, error={"code": "rate_limit_exceeded", "message": "slow"})
    reported = raised.value.reported
    assert reported is not None
    assert (reported.code, reported.message, reported.status) == (
        "rate_limit_exceeded",
        "slow",
        429,
    )


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_in_the_background_is_kept_and_not_sent_again(status: str) -> None:
    with pytest.raises(UnusableAnswerError, match="is not waited for") as raised:
        read(status=status, usage=None)
    assert raised.value.paid


@pytest.mark.parametrize("output", [[], None, ["x"], [{}], [{"type": "message", "content": 1}]])
def test_what_says_nothing_and_counts_nothing_is_not_an_answer(output: Any) -> None:
    body = json.dumps({"object": "response", "status": "completed", "output": output})
    with pytest.raises(UnusableAnswerError, match="has no content"):
        read_body(ENDPOINTS["/v1/responses"], body.encode())
