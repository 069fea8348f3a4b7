"""What an answer gave to a tool that it called."""

from typing import Any

import msgspec

from .json_text import encode


def tool_input(response: str | None) -> str | None:
    """The input of the first tool that an answer calls, as JSON text; None where it calls none.

    Args:
        response: the body of the answer, as JSON text.
    """
    try:
        body = msgspec.json.decode(response or "null")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    found = _of_blocks(body) if isinstance(body, dict) and "content" in body else _of_calls(body)
    if found is None or isinstance(found, str):  # a text: as it was written, or cut
        return found
    return encode(found)


def _of_blocks(body: dict[str, Any]) -> Any:
    content = body["content"]
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == "tool_use":
            return block.get("input")
    return None


def _of_calls(body: Any) -> Any:
    try:
        return body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    except (LookupError, TypeError):
        return None
