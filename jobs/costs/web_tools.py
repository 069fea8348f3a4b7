"""Tools of a messages body that the service itself runs on the web: how often they may be used.

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool: `max_uses` limits the
searches of a request, and nothing else does.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

SEARCH, FETCH = "web_search", "web_fetch"


class WebUses(NamedTuple):
    """The most searches, and the most uses of any such tool."""

    searches: int = 0
    all: int = 0


def most_web_uses(tools: Sequence[dict[str, Any]]) -> WebUses | str:
    """Count how often the tools on the web may be used, or say why nothing bounds that.

    Args:
        tools: those of a body, decoded.
    """
    searches = uses = 0
    for tool in tools:
        kind = _kind(tool)
        if kind is None:
            continue
        most = tool.get("max_uses")
        if type(most) is not int or most < 0:
            return (
                f"nothing bounds how often the tool {kind} is used, which --max-cost needs; give "
                "it max_uses"
            )
        uses += most
        searches += most if kind == SEARCH else 0
    return WebUses(searches, uses)


def _kind(tool: dict[str, Any]) -> str | None:
    """Whether it is one of the two; their types end in a date, such as web_search_20250305."""
    named = tool.get("type")
    kinds = (SEARCH, FETCH)
    return next((k for k in kinds if isinstance(named, str) and named.startswith(k)), None)
