"""Token usage in headrace's one convention, from each provider's own.

`input_tokens` includes cached input here, and `output_tokens` reasoning. OpenAI's prompt_tokens
include cached ones and say so in prompt_tokens_details (of images in input_tokens_details), as
OpenRouter does of those written to the cache. Its completion_tokens include reasoning; xAI's don't,
which its total_tokens show. DeepSeek splits prompt_tokens into prompt_cache_hit_tokens and
prompt_cache_miss_tokens; Anthropic's input_tokens leave out what the cache read and wrote.
"""

from typing import Any

from headrace.jobs import Usage

# Nobody uses more; it keeps every sum of tokens within the 64 bits that a table has for one.
LARGEST_COUNT = 2**53


def _count(value: Any) -> int | None:
    # A bool is not a count: its type is another.
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else None


def openai_usage(usage: Any) -> Usage:
    """Usage of a chat, search or images answer; every count None where there is no usage object."""
    if not isinstance(usage, dict):
        return Usage()
    prompt = _count(usage.get("prompt_tokens", usage.get("input_tokens")))
    completion = _count(usage.get("completion_tokens", usage.get("output_tokens")))
    cached = written = reasoning = None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    if isinstance(details, dict):
        cached = _count(details.get("cached_tokens"))
        written = _count(details.get("cache_write_tokens"))
    if cached is None:
        cached = _count(usage.get("prompt_cache_hit_tokens"))
    details = usage.get("completion_tokens_details")
    if isinstance(details, dict):
        reasoning = _count(details.get("reasoning_tokens"))
    if prompt is not None and completion is not None and reasoning:
        apart = prompt + completion + reasoning == _count(usage.get("total_tokens"))
        completion += reasoning if apart else 0
    return Usage(prompt, cached, written, completion, reasoning)


def anthropic_usage(usage: Any) -> Usage:
    """Usage of a messages answer; every count None where there is no usage object."""
    if not isinstance(usage, dict):
        return Usage()
    fresh = _count(usage.get("input_tokens"))
    read = _count(usage.get("cache_read_input_tokens"))
    written = _count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=_count(usage.get("output_tokens")),
    )
