"""Token usage in headrace's one convention, from each provider's own.

`input_tokens` includes cached input here, and `output_tokens` reasoning. OpenAI's prompt_tokens
include cached ones and say so in prompt_tokens_details (of images in input_tokens_details), as
OpenRouter does of those written to the cache. Its completion_tokens include reasoning; xAI's don't,
which its total_tokens show. DeepSeek splits prompt_tokens into prompt_cache_hit_tokens and
prompt_cache_miss_tokens; Kimi has cached_tokens beside them; litellm repeats Anthropic's counts in
OpenAI's usage. Anthropic's input_tokens leave out what the cache read and wrote.

A total that nothing explains, such as one with hidden thoughts in it, leaves the cost unknown: a
lower figure than the bill would be worse than none.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from headrace.jobs import Usage

# Nobody uses more; it keeps every sum of tokens within the 64 bits that a table has for one.
LARGEST_COUNT = 2**53
NO_USAGE = "the answer does not say what it used"
# A cost that a service reports fits its column.
LARGEST_COST = Decimal(10) ** 15
COST_PLACES = Decimal("1e-12")
COST_FIELDS = ("cost", "total_cost", "response_cost", "cost_usd")
ANY_COST = frozenset(COST_FIELDS)
# What the reference's usage has. With nothing beside it there is nowhere else to look, which makes
# the usual answer a cheap one.
REFERENCE_USAGE = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
    }
)
REFERENCE_PROMPT = frozenset({"cached_tokens"})
REFERENCE_PARTS = frozenset({"reasoning_tokens"})
NOTHING: dict[str, Any] = {}
# Counted by some, and billed at prices of their own: sound, citations read, sources searched.
BILLED_APART = ("audio_tokens", "citation_tokens", "num_sources_used")


def _count(value: Any) -> int | None:
    if type(value) is int:  # a bool is not a count: its type is another
        return value if 0 <= value <= LARGEST_COUNT else None
    if type(value) is float and value.is_integer():  # some count in floats
        return _count(int(value))
    return None


def _most(*values: Any) -> int | None:
    """The largest of several counts of the same thing: a service may leave one of them at 0."""
    counts = [count for value in values if (count := _count(value)) is not None]
    return max(counts, default=None)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def later_counts(known: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Usage that was told again: later counts hold, but none takes a positive one back to 0."""
    told = dict(known) if isinstance(known, dict) else {}
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(told.get(name), dict):
            told[name] = later_counts(told[name], value)
        elif value or not told.get(name):
            told[name] = value
    return told


def openai_usage(body: Mapping[str, Any]) -> Usage:
    """Usage of a chat, search or images answer; every count None where it has no usage object."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        choices = body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        usage = _dict(first).get("usage")
    if not isinstance(usage, dict):
        return Usage(why_unpriced=NO_USAGE, reported_cost=reported_cost(body))
    # The reference's own, by the shortest way.
    if REFERENCE_USAGE.issuperset(usage) and ANY_COST.isdisjoint(body):
        details = usage.get("prompt_tokens_details") or NOTHING
        parts = usage.get("completion_tokens_details") or NOTHING
        if (
            (type(details) is dict and type(parts) is dict)
            and REFERENCE_PROMPT.issuperset(details)
            and REFERENCE_PARTS.issuperset(parts)
        ):
            prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
            total, cached = usage.get("total_tokens"), _count(details.get("cached_tokens"))
            reasoning = _count(parts.get("reasoning_tokens"))
            if (
                (type(prompt) is int and type(completion) is int and type(total) is int)
                and prompt >= 0 <= completion
                and prompt + completion == total < LARGEST_COUNT
                and (reasoning or 0) <= completion
            ):
                return Usage(prompt, cached, None, completion, reasoning)
            return _priced(prompt, completion, total, cached, reasoning)
    details = _dict(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    parts = _dict(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    creation = _dict(usage.get("cache_creation"))
    return _priced(
        usage.get("prompt_tokens", usage.get("input_tokens")),
        usage.get("completion_tokens", usage.get("output_tokens")),
        usage.get("total_tokens"),
        _most(
            details.get("cached_tokens"),
            usage.get("prompt_cache_hit_tokens"),
            usage.get("cached_tokens"),
            usage.get("cache_read_input_tokens"),
        ),
        _most(parts.get("reasoning_tokens"), usage.get("reasoning_tokens")),
        written=_most(
            details.get("cache_write_tokens"),
            details.get("cache_creation_tokens"),
            usage.get("cache_creation_input_tokens"),
            _sum_of(creation),
        ),
        hour=_count(creation.get("ephemeral_1h_input_tokens")) or None,
        searches=_web_searches(usage),
        cost=reported_cost(body),
        apart=_billed_apart(usage, details, parts),
    )


def _billed_apart(*counts: Mapping[str, Any]) -> str | None:
    """Why no price list of tokens tells the cost: something else was counted, which is billed."""
    for name in BILLED_APART:
        if any(_count(each.get(name)) for each in counts):
            return f"the usage has {name}, which a price file has no price for"
    return None


def _priced(
    prompt: Any,
    completion: Any,
    total: Any,
    cached: int | None,
    reasoning: int | None,
    *,
    written: int | None = None,
    hour: int | None = None,
    searches: int | None = None,
    cost: Decimal | None = None,
    apart: str | None = None,
) -> Usage:
    """Usage by OpenAI's counts, as far as its total bears them out."""
    prompt, completion, total, why = _count(prompt), _count(completion), _count(total), apart
    if prompt is not None and completion is not None:
        rest = 0 if total is None else total - prompt - completion
        if reasoning and rest == reasoning:
            completion += reasoning  # as xAI counts them: beside the completion
        elif rest > 0 and rest == (cached or 0) + (written or 0):
            prompt += rest  # as Anthropic counts them: beside the prompt
        elif rest > 0:
            why = f"total_tokens is {rest:,} more than prompt and completion, and nothing says why"
        elif reasoning and reasoning > completion:
            why = "the usage has more reasoning than completion tokens, and nothing says why"
    elif total is not None:
        why = "the usage lacks the tokens of the prompt or of the completion"
    return Usage(
        prompt,
        cached,
        written,
        completion,
        reasoning,
        cache_write_1h_tokens=hour,
        web_searches=searches,
        why_unpriced=why,
        reported_cost=cost,
    )


def anthropic_usage(body: Mapping[str, Any]) -> Usage:
    """Usage of a messages answer; every count None where it has no usage object."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return Usage(why_unpriced=NO_USAGE, reported_cost=reported_cost(body))
    fresh = _count(usage.get("input_tokens"))
    read = _count(usage.get("cache_read_input_tokens"))
    creation = usage.get("cache_creation")
    written = _most(usage.get("cache_creation_input_tokens"), _sum_of(creation))
    details = _dict(usage.get("output_tokens_details"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=_count(usage.get("output_tokens")),
        reasoning_tokens=_count(details.get("thinking_tokens")),
        cache_write_1h_tokens=_count(_dict(creation).get("ephemeral_1h_input_tokens")) or None,
        web_searches=_web_searches(usage),
        why_unpriced=_unsummed(usage),
        reported_cost=reported_cost(body),
    )


def _unsummed(usage: Mapping[str, Any]) -> str | None:
    """Why the cost is unknown where the usage tells rounds that its sums leave out, as of a
    compaction."""
    rounds = usage.get("iterations")
    told = [each for each in rounds if isinstance(each, dict)] if isinstance(rounds, list) else []
    for name in ("input_tokens", "output_tokens"):
        if sum(_count(each.get(name)) or 0 for each in told) > (_count(usage.get(name)) or 0):
            return "the usage has iterations that its own counts leave out"
    return None


def usage_in(body: Mapping[str, Any]) -> Usage | None:
    """The usage in a body of either protocol, None where it has none."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    ours = "prompt_tokens" in usage or body.get("type") != "message"
    return openai_usage(body) if ours else anthropic_usage(body)


def _sum_of(creation: Any) -> int | None:
    """Cache writes that are told by how long they are kept alone."""
    counts = [_count(value) for value in _dict(creation).values()]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _web_searches(usage: Mapping[str, Any]) -> int | None:
    """Searches that the service made as a tool of its own."""
    told = _dict(usage.get("server_tool_use") or usage.get("server_tool_use_details"))
    return _most(told.get("web_search_requests"), usage.get("num_search_queries")) or None


def reported_cost(body: Mapping[str, Any]) -> Decimal | None:
    """The cost that an answer names itself, in whatever currency the service counts."""
    usage = body.get("usage")
    for holder in (usage, body):
        if not isinstance(holder, dict) or ANY_COST.isdisjoint(holder):
            continue
        for name in COST_FIELDS:
            value = holder.get(name)
            if isinstance(value, dict):  # Perplexity's, by part
                value = value.get("total_cost")
            if (amount := amount_of(value)) is not None:
                return amount
    return None


def amount_of(value: Any) -> Decimal | None:
    """An amount in JSON or in a header, None where it is not one that a column holds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).strip())
        if not amount.is_finite() or not 0 <= amount < LARGEST_COST:
            return None
        return amount.quantize(COST_PLACES) if -int(amount.as_tuple().exponent) > 12 else amount
    except (InvalidOperation, ValueError):
        return None
