"""Token usage in headrace's one convention, from each provider's own.

`input_tokens` includes cached input here, and `output_tokens` reasoning. OpenAI's prompt_tokens
include cached ones and say so in prompt_tokens_details (of images in input_tokens_details), as
OpenRouter does of those written to the cache. Its completion_tokens include reasoning; xAI's don't,
which its total_tokens show. DeepSeek splits prompt_tokens into prompt_cache_hit_tokens and
prompt_cache_miss_tokens; Kimi has cached_tokens beside them; litellm repeats Anthropic's counts in
OpenAI's usage. Anthropic's input_tokens leave out what the cache read and wrote. Other places and
names are those of `usage_places`.

A total that nothing explains, such as one with hidden thoughts in it, leaves the cost unknown: a
lower figure than the bill would be worse than none.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from headrace.jobs import Usage

from .billed_apart import why_apart
from .counts import LARGEST_COUNT, NOTHING, count_of, mapping_of, most_of
from .usage_places import told_usage

NO_USAGE = "the answer does not say what it used"
COUNTS_NOTHING = "the usage counts no tokens at all"
# A cost that a service reports fits its column.
LARGEST_COST = Decimal(10) ** 15
COST_PLACES = Decimal("1e-12")
COST_FIELDS = ("cost", "total_cost", "response_cost", "cost_usd", "estimated_cost")
# xAI's cost: ten thousand millions of them are a dollar.
TICKS = "cost_in_usd_ticks"
TICK = Decimal("1e-10")
ANY_COST = frozenset({*COST_FIELDS, TICKS})
# What a body has beside its usage where more than its tokens decide the cost.
BESIDE = ANY_COST | {"service_tier"}
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


def later_counts(known: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Usage that was told again: later counts hold, but none takes a positive one back to 0.

    `known` is added to and given back, where it is a dict: copied at each event, its fields would
    cost the square of their number."""
    told: dict[str, Any] = known if isinstance(known, dict) else {}
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(told.get(name), dict):
            told[name] = later_counts(told[name], value)
        elif (value and value != "0") or not told.get(name):
            told[name] = value
    return told


def openai_usage(body: Mapping[str, Any]) -> Usage:
    """Usage of a chat, search or images answer; every count None where it tells none."""
    usage = body.get("usage")
    # The reference's own, by the shortest way, where it adds up.
    if type(usage) is dict and REFERENCE_USAGE.issuperset(usage) and BESIDE.isdisjoint(body):
        details = usage.get("prompt_tokens_details") or NOTHING
        parts = usage.get("completion_tokens_details") or NOTHING
        if (
            (type(details) is dict and type(parts) is dict)
            and REFERENCE_PROMPT.issuperset(details)
            and REFERENCE_PARTS.issuperset(parts)
        ):
            prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
            total, cached = usage.get("total_tokens"), count_of(details.get("cached_tokens"))
            reasoning = count_of(parts.get("reasoning_tokens"))
            if (
                (type(prompt) is int and type(completion) is int and type(total) is int)
                and prompt > 0 <= completion
                and prompt + completion == total < LARGEST_COUNT
                and (reasoning or 0) <= completion
            ):
                return Usage(prompt, cached, None, completion, reasoning)
    told = told_usage(body)
    if told is None:
        return Usage(why_unpriced=NO_USAGE, reported_cost=reported_cost(body))
    return by_openai(body, told)


def by_openai(body: Mapping[str, Any], usage: Mapping[str, Any]) -> Usage:
    """Usage in OpenAI's names, wherever a body told it."""
    details = mapping_of(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    parts = mapping_of(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    creation = mapping_of(usage.get("cache_creation"))
    return _priced(
        _first(usage, "prompt_tokens", "input_tokens"),
        _first(usage, "completion_tokens", "output_tokens"),
        usage.get("total_tokens"),
        most_of(
            details.get("cached_tokens"),
            usage.get("prompt_cache_hit_tokens"),
            usage.get("cached_tokens"),
            usage.get("cache_read_input_tokens"),
        ),
        most_of(parts.get("reasoning_tokens"), usage.get("reasoning_tokens")),
        written=most_of(
            details.get("cache_write_tokens"),
            details.get("cache_creation_tokens"),
            usage.get("cache_creation_input_tokens"),
            _sum_of(creation),
        ),
        hour=count_of(creation.get("ephemeral_1h_input_tokens")) or None,
        searches=_web_searches(usage),
        cost=reported_cost(body),
        apart=why_apart(body, usage),
    )


def _first(usage: Mapping[str, Any], *names: str) -> Any:
    return next((value for name in names if (value := usage.get(name)) is not None), None)


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
    prompt, completion, total, why = count_of(prompt), count_of(completion), count_of(total), apart
    if completion is None and prompt and total == prompt:
        completion = 0  # OpenAI leaves it out where nothing was written
    if not (prompt or completion or total) and (prompt, completion) != (None, None):
        why = why or COUNTS_NOTHING
    elif prompt is not None and completion is not None:
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
    if not isinstance(usage, dict) or "input_tokens" not in usage:
        told = told_usage(body)
        if told is None:
            return Usage(why_unpriced=NO_USAGE, reported_cost=reported_cost(body))
        if "prompt_tokens" in told:  # of a proxy before a service of the other protocol
            return by_openai(body, told)
        usage = told
    fresh = count_of(usage.get("input_tokens"))
    read = count_of(usage.get("cache_read_input_tokens"))
    creation = usage.get("cache_creation")
    written = most_of(usage.get("cache_creation_input_tokens"), _sum_of(creation))
    details = mapping_of(usage.get("output_tokens_details"))
    output = count_of(usage.get("output_tokens"))
    nothing = COUNTS_NOTHING if (fresh, output, read or 0, written or 0) == (0, 0, 0, 0) else None
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=count_of(details.get("thinking_tokens")),
        cache_write_1h_tokens=count_of(mapping_of(creation).get("ephemeral_1h_input_tokens"))
        or None,
        web_searches=_web_searches(usage),
        why_unpriced=nothing or _unsummed(usage) or why_apart(body, usage),
        reported_cost=reported_cost(body),
    )


def _unsummed(usage: Mapping[str, Any]) -> str | None:
    """Why the cost is unknown where the usage tells rounds that its sums leave out, as of a
    compaction."""
    rounds = usage.get("iterations")
    told = [each for each in rounds if isinstance(each, dict)] if isinstance(rounds, list) else []
    for name in ("input_tokens", "output_tokens"):
        if sum(count_of(each.get(name)) or 0 for each in told) > (count_of(usage.get(name)) or 0):
            return "the usage has iterations that its own counts leave out"
    return None


def usage_in(body: Mapping[str, Any]) -> Usage | None:
    """The usage in a body of either protocol, None where it has none."""
    if (usage := told_usage(body)) is None:
        return None
    ours = "prompt_tokens" in usage or body.get("type") != "message"
    return openai_usage(body) if ours else anthropic_usage(body)


def _sum_of(creation: Any) -> int | None:
    """Cache writes that are told by how long they are kept alone."""
    counts = [count_of(value) for value in mapping_of(creation).values()]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _web_searches(usage: Mapping[str, Any]) -> int | None:
    """Searches that the service made as a tool of its own."""
    told = mapping_of(usage.get("server_tool_use") or usage.get("server_tool_use_details"))
    return most_of(told.get("web_search_requests"), usage.get("num_search_queries")) or None


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
        if (ticks := count_of(holder.get(TICKS))) is not None:
            return ticks * TICK
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
