"""Tools of a messages body that the service itself runs on the web: how often they may be used.

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool: `max_uses` limits the
searches of a request, and nothing else does.
"""

from collections.abc import Mapping, Sequence
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


# Fields of a chat body by which a service may search the web, or not, as they say.
SEARCHING_FIELDS = (
    "web_search_options",
    "search_options",
    "search_parameters",
    "enable_search",
    "enable_web_search",
    "web_search",
    "plugins",
    "tools",
)


def field_that_searches(fields: Mapping[str, Any]) -> str | None:
    """The first of these fields that lets the service search; None where none does.

    What it may cost has no bound (`asked`); what it did, the answer may say or not.
    """
    return next((name for name, value in fields.items() if _searches(name, value)), None)


def _searches(name: str, value: Any) -> bool:
    if name == "tools" or name == "plugins":
        return isinstance(value, list) and any(map(_is_search, value))
    if isinstance(value, dict):
        return value.get("mode") != "off"
    return value is True


def _is_search(item: Any) -> bool:
    """Whether a plugin or a tool is the service's own search: a function may have that name."""
    if not isinstance(item, dict):
        return False
    named = item.get("type", item.get("id"))
    return isinstance(named, str) and (
        named in ("web", "browser_search", "builtin_function") or named.startswith("web_search")
    )
