"""What no price of tokens tells the cost of is said, and not priced as if it were plain."""

from decimal import Decimal
from typing import Any

import pytest

from headrace.jobs import Price
from headrace.runner.answers.usage import anthropic_usage, openai_usage

PRICE = Price(input=Decimal(1), output=Decimal(10), web_search=Decimal(10))
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
OWN = {"input_tokens": 1000, "output_tokens": 100}
PLAIN = Decimal("0.002")

CHAT: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    # of the body, of the usage, what the reason names
    ({}, {}, None),
    ({"service_tier": "default"}, {}, None),
    ({"service_tier": "auto"}, {}, None),
    ({"service_tier": None}, {}, None),
    ({"service_tier": "on_demand"}, {}, None),
    ({"service_tier": "flex"}, {}, "service_tier 'flex'"),
    ({"service_tier": "priority"}, {}, "service_tier 'priority'"),
    ({"service_tier": "scale"}, {}, "service_tier 'scale'"),
    ({}, {"service_tier": "priority"}, "service_tier 'priority'"),
    ({}, {"num_sources_used": 0, "num_server_side_tools_used": 0}, None),
    ({}, {"num_server_side_tools_used": 2}, "num_server_side_tools_used"),
    ({}, {"num_sources_used": 4}, "num_sources_used"),
    ({}, {"search_context_size": "low"}, "search_context_size 'low'"),
    ({}, {"prompt_tokens_details": {"audio_tokens": 7}}, "audio_tokens"),
    ({}, {"prompt_tokens_details": {"audio_tokens": 0}}, None),
    ({}, {"completion_tokens_details": {"image_tokens": 90}}, "image_tokens"),
    ({}, {"prompt_tokens_details": {"image_tokens": 90}}, None),
]
MESSAGES: list[tuple[dict[str, Any], str | None]] = [
    ({"service_tier": "standard", "speed": "standard", "inference_geo": "global"}, None),
    ({"inference_geo": "not_available"}, None),
    ({"service_tier": "priority"}, "service_tier 'priority'"),
    ({"service_tier": "batch"}, "service_tier 'batch'"),
    ({"speed": "fast"}, "speed 'fast'"),
    ({"inference_geo": "us"}, "inference_geo 'us'"),
    ({"server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 3}}, None),
    ({"server_tool_use": {"code_execution_requests": 1}}, "code_execution_requests"),
]


@pytest.mark.parametrize(("body", "more", "named"), CHAT)
def test_what_a_chat_answer_was_billed_apart_from_its_tokens(
    body: dict[str, Any], more: dict[str, Any], named: str | None
) -> None:
    usage = openai_usage({**body, "usage": {**USAGE, **more}})
    assert (usage.input_tokens, usage.output_tokens) == (1000, 100)
    assert PRICE.cost(usage) == (PLAIN if named is None else None)
    assert (named or "") in (PRICE.why_no_cost(usage) or "")


@pytest.mark.parametrize(("more", "named"), MESSAGES)
def test_what_a_message_was_billed_apart_from_its_tokens(
    more: dict[str, Any], named: str | None
) -> None:
    usage = anthropic_usage({"usage": {**OWN, **more}})
    assert PRICE.cost(usage) == (PLAIN if named is None else None)
    assert (named or "") in (PRICE.why_no_cost(usage) or "")


def test_the_services_own_cost_stands_beside_it_in_each_form() -> None:
    """xAI counts in ticks, ten thousand millions of a dollar."""
    forms: list[tuple[dict[str, Any], str]] = [
        ({"cost": 0.0000125}, "0.0000125"),
        ({"cost_in_usd_ticks": 37_756_000}, "0.0037756"),
        ({"cost_in_usd_ticks": "37756000"}, "0.0037756"),
        ({"estimated_cost": 1.5e-05}, "0.000015"),
        ({"cost": {"total_cost": 0.006}}, "0.006"),
    ]
    found = [openai_usage({"usage": {**USAGE, **more}}).reported_cost for more, _ in forms]
    assert found == [Decimal(amount) for _, amount in forms]
