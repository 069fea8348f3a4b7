"""The table in the documentation names existing tests for every line of the API reference."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs_page import docs_page

HERE = Path(__file__).parent
# Every name that the reference defines, where it defines it.
REFERENCE = {
    "all": "HTTPS x-api-key Authorization:~Bearer",
    "chat": """POST~/v1/chat/completions model messages messages.role system user assistant
        messages.content temperature max_tokens top_p stream id object created choices index message
        finish_reason usage prompt_tokens completion_tokens total_tokens chat.completion.chunk delta
        content data:~[DONE] stream_options""",
    "messages": """POST~/v1/messages x-api-key Authorization:~Bearer model messages messages.role
        user assistant messages.content system max_tokens temperature top_p stream stop_sequences
        anthropic.Anthropic id type role stop_reason stop_sequence content text usage input_tokens
        output_tokens message_start content_block_start content_block_delta content_block_stop
        message_delta message_stop end_turn stop length""",
    "search": "POST~/v1/search/completions model messages stream citations",
    "images": """POST~/v1/images/generations model prompt n size response_format url b64_json
        created data""",
    "balance": """GET~/v1/balance object currency balance api_key.id api_key.name daily_budget
        daily_used daily_remaining daily_reset_at monthly_budget monthly_used monthly_remaining
        monthly_reset_at""",
    "errors": """INVALID_PARAMS UNAUTHORIZED FORBIDDEN MODEL_NOT_FOUND RATE_LIMIT INTERNAL_ERROR
        UPSTREAM_ERROR GATEWAY_TIMEOUT error code message request_id""",
    "limits": "RPM TPM API~key X-RateLimit-Limit X-RateLimit-Remaining Retry-After",
}


def rows() -> list[list[str]]:
    """Where, line and tests of each row."""
    page = docs_page("reference/gateway-api.md")
    lines = [line for line in page.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("where", REFERENCE)
def test_every_name_of_the_reference_has_its_line(where: str) -> None:
    named = {
        name
        for place, line, _ in rows()
        if place == where
        for name in re.findall(r"`([^`]+)`", line)
    }
    assert {name.replace("~", " ") for name in REFERENCE[where].split()} == named


def test_every_line_names_tests_that_there_are() -> None:
    there = {
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(rows()) > 50
    for _, line, tests in rows():
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, line
        assert [name for name in named if name not in there] == [], line
