"""Where services tell their usage besides `usage`, put into OpenAI's names.

Groq has it in `x_groq`, Kimi in a choice, Bedrock in `amazon-bedrock-invocationMetrics` (and in
`usage`, by its Converse names), Cohere in `billed_units`, Gemini in `usageMetadata`, Ollama at the
top (`prompt_eval_count`), llama.cpp in `timings`. Of each, input includes what the cache held, as
OpenAI's does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .counts import count_of, mapping_of

BEDROCK = "amazon-bedrock-invocationMetrics"

Told = dict[str, Any]


def told_usage(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The usage that a body tells, wherever it does; None where it tells none.

    One that counts nothing gives way to one that does.
    """
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return _elsewhere(body)
    renamed = _renamed(usage)
    if renamed is not None:
        return {**usage, **renamed}
    return usage if any(usage.values()) else _elsewhere(body) or usage


def _elsewhere(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choices = body.get("choices")
    holders = [body.get("x_groq"), *(choices if isinstance(choices, list) else ())]
    for holder in holders:
        if isinstance(usage := mapping_of(holder).get("usage"), dict):
            return _renamed(usage) or usage
    inner = (body.get(name) for name in (BEDROCK, "usageMetadata", "meta", "timings"))
    for told in (*map(mapping_of, inner), body):
        if (renamed := _renamed(told)) is not None:
            return renamed
    return None


def _renamed(told: Mapping[str, Any]) -> Told | None:
    """Counts under names of another protocol, in OpenAI's; None where there are none."""
    for name, reader in READERS.items():
        if name in told:
            return reader(told)
    return None


def _usage(prompt: int | None, completion: int | None, **details: int | None) -> Told | None:
    """In OpenAI's names; None where both counts are missing."""
    if prompt is None and completion is None:
        return None
    known = {name: count for name, count in details.items() if count is not None}
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {**counts, "prompt_tokens_details": known}


def _beside_cache(
    fresh: int | None, completion: int | None, read: int | None, written: int | None
) -> Told | None:
    """Of a service whose input leaves out what the cache read and wrote."""
    prompt = None if fresh is None else fresh + (read or 0) + (written or 0)
    return _usage(prompt, completion, cached_tokens=read, cache_write_tokens=written)


def _of_metrics(told: Mapping[str, Any]) -> Told | None:
    names = ("inputTokenCount", "outputTokenCount")
    caches = ("cacheReadInputTokenCount", "cacheWriteInputTokenCount")
    fresh, completion, read, written = (count_of(told.get(name)) for name in (*names, *caches))
    return _beside_cache(fresh, completion, read, written)


def _of_converse(told: Mapping[str, Any]) -> Told | None:
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    fresh, completion, read, written = (count_of(told.get(name)) for name in names)
    return _beside_cache(fresh, completion, read, written)


def _of_gemini(told: Mapping[str, Any]) -> Told | None:
    names = ("promptTokenCount", "candidatesTokenCount", "cachedContentTokenCount")
    prompt, said, cached = (count_of(told.get(name)) for name in names)
    usage = _usage(prompt, said, cached_tokens=cached)
    if usage is not None:
        thoughts = count_of(told.get("thoughtsTokenCount"))
        usage["completion_tokens_details"] = {"reasoning_tokens": thoughts}
        usage["total_tokens"] = told.get("totalTokenCount")
    return usage


def _of_cohere(told: Mapping[str, Any]) -> Told | None:
    units = mapping_of(told.get("billed_units"))
    found = _usage(count_of(units.get("input_tokens")), count_of(units.get("output_tokens")))
    if found is not None and (searches := count_of(units.get("search_units"))):
        found["search_units"] = searches
    return found


def _of_ollama(told: Mapping[str, Any]) -> Told | None:
    return _usage(count_of(told.get("prompt_eval_count")), count_of(told.get("eval_count")))


def _of_llama(told: Mapping[str, Any]) -> Told | None:
    """Its prompt_n leaves out what its cache held, which older ones don't tell."""
    fresh, cached = count_of(told.get("prompt_n")), count_of(told.get("cache_n"))
    prompt = None if fresh is None or cached is None else fresh + cached
    return _usage(prompt, count_of(told.get("predicted_n")), cached_tokens=cached)


# By the name that gives each away.
READERS: dict[str, Callable[[Mapping[str, Any]], Told | None]] = {
    "inputTokenCount": _of_metrics,
    "inputTokens": _of_converse,
    "promptTokenCount": _of_gemini,
    "billed_units": _of_cohere,
    "prompt_eval_count": _of_ollama,
    "predicted_n": _of_llama,
}
