"""Usage of answers that are not text: embeddings, rerankings, moderations, and others by place.

An embedding has input alone; vLLM and Mistral say so with a completion of 0, Voyage and Jina with a
total and nothing else. A reranking is billed by search units (Cohere's `meta.billed_units`,
OpenRouter's `usage`) or by tokens (SiliconFlow's `tokens`, litellm's `billed_units.total_tokens`).
"""

from collections.abc import Mapping
from typing import Any

from headrace.jobs import Endpoint, Usage, UsagePlaces

from .counts import count_of, mapping_of
from .usage import NO_USAGE, by_openai, reported_cost
from .usage_places import told_usage

NOT_PLACED = "the usage is not where headrace.toml says"
UNKNOWN_PRICE = "what this endpoint bills is not known"


def input_usage(body: Mapping[str, Any]) -> Usage:
    """Usage of an answer without output: all its tokens are input."""
    told = told_usage(body)
    if told is None:
        return Usage(why_unpriced=NO_USAGE, reported_cost=reported_cost(body))
    counts = [told.get(name) for name in ("prompt_tokens", "input_tokens", "total_tokens")]
    # (A prompt of 0 beside a total is one that was not counted by itself.)
    given = next(filter(None, counts), next((each for each in counts if each is not None), None))
    made = told.get("completion_tokens") or told.get("output_tokens") or 0
    return by_openai(body, {**told, "prompt_tokens": given, "completion_tokens": made})


def rerank_usage(body: Mapping[str, Any]) -> Usage:
    """Usage of a reranking: the searches it was billed for, or its tokens."""
    meta = mapping_of(body.get("meta"))
    units = mapping_of(meta.get("billed_units"))
    told = mapping_of(body.get("usage"))
    searches = count_of(units.get("search_units")) or count_of(told.get("search_units"))
    if searches:
        return Usage(
            input_tokens=count_of(units.get("input_tokens")) or 0,
            output_tokens=count_of(units.get("output_tokens")) or 0,
            searches=searches,
            reported_cost=reported_cost(body),
        )
    if told_usage(body) is None:
        holders = map(mapping_of, (units, meta.get("tokens"), body.get("tokens")))
        tokens = next((each for each in holders if any(map(count_of, each.values()))), None)
        if tokens is not None:
            return input_usage({**body, "usage": tokens})
    return input_usage(body)


def free_usage(body: Mapping[str, Any]) -> Usage:
    """Usage of an answer that mostly is free, and mostly tells none."""
    if told_usage(body) is None:
        return Usage(reported_cost=reported_cost(body))
    return input_usage(body)


def unplaced_usage(body: Mapping[str, Any]) -> Usage:
    """Usage of an endpoint that nobody knows."""
    return Usage(why_unpriced=UNKNOWN_PRICE, reported_cost=reported_cost(body))


def placed_usage(endpoint: Endpoint, body: Any, places: UsagePlaces) -> Usage:
    """Usage by the places that the user named; of a stream's events the last that has any.

    Args:
        endpoint: what was asked; one that is not in the table has no price.
        body: its answer, as parsed JSON.
        places: where each count is.
    """
    events = body.get("events") if isinstance(body, dict) else None
    holders = reversed(events) if isinstance(events, list) else [body]
    counts: dict[str, int] = {}
    for holder in holders:
        found = {name: count_of(_at(holder, place)) for name, place in places.items()}
        counts = {name: count for name, count in found.items() if count is not None}
        if counts:
            break
    reported = reported_cost(body) if isinstance(body, dict) else None
    why = UNKNOWN_PRICE if endpoint.price == "unknown" else None
    if places and not counts:
        why = NOT_PLACED
    if counts and not endpoint.limits:
        counts.setdefault("output_tokens", 0)
    return Usage(why_unpriced=why, reported_cost=reported)._replace(**counts)  # type: ignore[arg-type]


def _at(value: Any, place: tuple[str, ...]) -> Any:
    """What stands at a place of JSON: keys, and numbers of list items; None where nothing does."""
    for step in place:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step[:9]) < len(value):
            value = value[int(step[:9])]
        else:
            return None
    return value
