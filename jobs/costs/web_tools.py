"""Tools of a messages body that the service itself runs on the web: how often they may be used.

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool: `max_uses` limits the
searches of a request, and nothing else does.
"""

import re
from typing import Any, NamedTuple

import msgspec

_WEB_TOOL = re.compile(rb'"type"\s*:\s*"web_(?:search|fetch)')
SEARCH, FETCH = "web_search", "web_fetch"


class WebUses(NamedTuple):
    """The most searches, and the most uses of any such tool."""

    searches: int = 0
    all: int = 0


def most_web_uses(body: bytes) -> WebUses | str:
    """Count what the tools in a body may be used, or say why nothing bounds that.

    Args:
        body: a JSON object in UTF-8.
    """
    if _WEB_TOOL.search(body) is None:
        return WebUses()
    tools = msgspec.json.decode(body).get("tools")
    searches = uses = 0
    for tool in tools if isinstance(tools, list) else []:
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


def _kind(tool: Any) -> str | None:
    """Whether it is one of the two; their types end in a date, such as web_search_20250305."""
    named = tool.get("type") if isinstance(tool, dict) else None
    kinds = (SEARCH, FETCH)
    return next((k for k in kinds if isinstance(named, str) and named.startswith(k)), None)
