"""What an answer says that it was billed for beside its tokens, or at other prices than the usual.

A price file has no price for these, so the cost of such an answer is unknown: what its tokens cost
may be less than the bill.
"""

from collections.abc import Mapping
from typing import Any

from headrace.jobs import TIERS, USUAL_TIERS

from .counts import count_of, mapping_of

# Counted by some: sound, images drawn by a text model, the size of those embedded (Voyage),
# citations read, sources searched, and uses of tools that the service runs.
COUNTED = (
    "audio_tokens",
    "citation_tokens",
    "num_sources_used",
    "num_server_side_tools_used",
    "search_units",
    "image_pixels",
    "video_pixels",
)
COUNTED_OF_OUTPUT = ("image_tokens",)
# Priced by its own key (`web_search`), or free.
TOOLS_PRICED = frozenset(
    {"web_search_requests", "web_fetch_requests", "tool_calls_requested", "tool_calls_executed"}
)


def why_apart(body: Mapping[str, Any], usage: Mapping[str, Any]) -> str | None:
    """Why no price of tokens tells what an answer cost; None where one does.

    Args:
        body: the answer, which may name its tier.
        usage: what it says that it used, in any protocol's names.
    """
    inputs = mapping_of(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    outputs = mapping_of(
        usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    )
    for each in (usage, inputs, outputs):
        for name in COUNTED + (COUNTED_OF_OUTPUT if each is outputs else ()):
            if count_of(each.get(name)):
                return f"the usage has {name}, which a price file has no price for"
    counted = any(mapping_of(body.get("usage")).values())
    choices = None if counted else body.get("choices")
    told = [each for each in choices if mapping_of(each).get("usage")] if choices else []
    if len(told) > 1:
        return "each choice has a usage of its own, and nothing says what they add up to"
    tools = usage.get("server_tool_use") or usage.get("server_tool_use_details")
    for name, value in mapping_of(tools).items():
        if name not in TOOLS_PRICED and count_of(value):
            return f"the usage has {name[:60]}, which a price file has no price for"
    for name in TIERS:
        said = usage.get(name) or body.get(name)
        if isinstance(said, str) and said.lower() not in USUAL_TIERS:
            return f"the answer says {name} {said[:60]!r}, which a price file has no prices for"
    return None
