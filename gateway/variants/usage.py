"""Usage that is told elsewhere, or that doesn't add up; what is charged is what was used."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..chat import DONE
from ..prices import EXACT, ModelPrice
from ..response import EventStream, Response
from .answer import (
    Answer,
    chat_stream,
    chat_whole,
    chunk,
    chunk_of,
    in_steps,
    message_stream,
    message_whole,
)

_MILLIONTH = Decimal("0.000001")
SEARCHES = 3


def told(change: Callable[[Answer], dict[str, Any]]) -> Callable[[Answer], Response]:
    """The answer with another usage, where usage is always told."""

    def make(answer: Answer) -> Response:
        return _with_usage(answer, change(answer))

    return make


def _with_usage(answer: Answer, usage: dict[str, Any], **fields: Any) -> Response:
    body: bytes | EventStream
    if answer.protocol == "messages":
        if answer.streamed:
            began, ended = usage | {"output_tokens": 0}, usage
            body = message_stream(answer, began=began, ended=ended)
        else:
            body = message_whole(answer, usage=usage)
    elif answer.streamed:
        closing = [chunk(answer, {}, answer.finish, usage=usage), DONE]
        body = chat_stream(answer, closing=closing)
    else:
        body = chat_whole(answer, usage=usage)
    return answer.with_body(body, **fields)


def as_floats(answer: Answer) -> dict[str, Any]:
    """Whole numbers, written as 12.0."""
    return {
        name: float(value) if isinstance(value, int) else value
        for name, value in answer.usage.items()
    }


def part_null(answer: Answer) -> dict[str, Any]:
    """No number of input tokens, though a total."""
    return answer.usage | {"prompt_tokens": None}


def in_choice(answer: Answer) -> Response:
    """Usage in the choice, and not beside it."""
    choice = {"index": 0, "delta": {}, "finish_reason": answer.finish, "usage": answer.usage}
    return answer.with_body(chat_stream(answer, closing=[chunk_of(answer, [choice]), DONE]))


def beside(name: str, told: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Response]:
    """Usage under another name, and perhaps in other words; `usage` itself is null."""

    def make(answer: Answer) -> Response:
        fields = {name: told(answer.usage), "usage": None}
        if not answer.streamed:
            return answer.with_body(chat_whole(answer, **fields))
        closing = [chunk(answer, {}, answer.finish, **fields), DONE]
        return answer.with_body(chat_stream(answer, closing=closing))

    return make


def in_groq(usage: dict[str, Any]) -> dict[str, Any]:
    """As Groq has it."""
    return {"id": "req_1", "usage": usage}


def in_gemini(usage: dict[str, Any]) -> dict[str, Any]:
    """In Gemini's own words."""
    given, made = usage["prompt_tokens"], usage["completion_tokens"]
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens")
    counts = {"promptTokenCount": given, "candidatesTokenCount": made}
    more = {} if cached is None else {"cachedContentTokenCount": cached}
    return counts | more | {"totalTokenCount": given + made}


def begun_only(answer: Answer) -> Response:
    """The counts of the beginning alone, from before there was any output."""
    began = answer.usage | {"output_tokens": 1}
    return answer.with_body(message_stream(answer, began=began, ended={}))


def after(choices: object, usage: object) -> Callable[[Answer], Response]:
    """Usage, and then a chunk with another one."""

    def make(answer: Answer) -> Response:
        counted = chunk(answer, {}, answer.finish, usage=answer.usage)
        closing = [counted, chunk_of(answer, choices, usage=usage), DONE]
        return answer.with_body(chat_stream(answer, closing=closing))

    return make


def choices_null(answer: Answer) -> Response:
    """Usage in a chunk whose choices are null."""
    closing = [chunk(answer, {}, answer.finish), chunk_of(answer, None, usage=answer.usage), DONE]
    return answer.with_body(chat_stream(answer, closing=closing))


def each_chunk(answer: Answer) -> Response:
    """Usage so far on every chunk."""
    given, events = answer.usage["prompt_tokens"], []
    for made, piece in enumerate(answer.pieces, 1):
        # An answer that was cut in other pieces than its tokens has never more of them.
        count = min(made, answer.response.output_tokens)
        usage = {"prompt_tokens": given, "completion_tokens": count, "total_tokens": given + count}
        events.append(chunk(answer, {"content": piece}, usage=usage))
    first = chunk(answer, {"role": "assistant", "content": ""})
    closing = [chunk(answer, {}, answer.finish, usage=answer.usage), DONE]
    return answer.with_body(in_steps(answer, [first], events, closing))


def input_zero_at_end(answer: Answer) -> Response:
    """The input at the start, and 0 of it at the end."""
    ended = answer.usage | {"input_tokens": 0}
    return answer.with_body(message_stream(answer, ended=ended))


def input_at_end(answer: Answer) -> Response:
    """Nothing at the start, and everything at the end."""
    began = {"input_tokens": 0, "output_tokens": 0}
    return answer.with_body(message_stream(answer, began=began, ended=answer.usage))


def hidden(answer: Answer) -> Response:
    """A total with thoughts that nothing else tells, and that are charged as output."""
    thoughts = 2 * answer.response.output_tokens + 20
    usage = answer.usage | {"total_tokens": answer.usage["total_tokens"] + thoughts}
    return _with_usage(
        answer,
        usage,
        output_tokens=answer.response.output_tokens + thoughts,
        charge=_more(answer, thoughts, answer.price.output),
    )


def cached_at_top(answer: Answer) -> Response:
    """Cached tokens beside the others, and not among their details."""
    cached = _half(answer)
    usage = _plain(answer) | {"cached_tokens": cached}
    return _cached(answer, usage, cached)


def cached_hits(answer: Answer) -> Response:
    """Cached tokens under another name, beside a zero under the usual one."""
    cached = _half(answer)
    missed = answer.usage["prompt_tokens"] - cached
    hits = {"prompt_cache_hit_tokens": cached, "prompt_cache_miss_tokens": missed}
    usage = _plain(answer) | hits | {"prompt_tokens_details": {"cached_tokens": 0}}
    return _cached(answer, usage, cached)


def cache_write(answer: Answer) -> Response:
    """Tokens written to the cache, in the words of the other protocol."""
    written, price = _half(answer), answer.price
    usage = _plain(answer) | {
        "prompt_tokens_details": {"cached_tokens": 0, "cache_creation_tokens": written},
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": 0,
    }
    each = price.input if price.cache_write is None else price.cache_write
    charge = EXACT.add(_uncached(answer), _cost(written, EXACT.subtract(each, price.input)))
    return _with_usage(answer, usage, cached_input_tokens=0, charge=charge)


def cache_hour(answer: Answer) -> Response:
    """Tokens that the cache keeps for an hour, at twice the price where no other is known."""
    written, price = _half(answer), answer.price
    hour = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": written}
    usage = {
        "input_tokens": answer.response.input_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": 0,
        "cache_creation": hour,
        "output_tokens": answer.response.output_tokens,
    }
    each = price.cache_write_1h
    if each is None:
        each = EXACT.multiply(price.input, Decimal(2))
    charge = EXACT.add(_uncached(answer), _cost(written, EXACT.subtract(each, price.input)))
    return _with_usage(answer, usage, cached_input_tokens=0, charge=charge)


def web_search(answer: Answer) -> Response:
    """Searches that the service made and charges, told within usage."""
    usage = answer.usage | {"server_tool_use": {"web_search_requests": SEARCHES}}
    charge = EXACT.add(answer.response.charge, searches_cost(answer.price, SEARCHES))
    return _with_usage(answer, usage, charge=charge)


def searches_cost(price: ModelPrice, searches: int) -> Decimal:
    """What web searches cost: by the thousand, or as a search request does."""
    if price.web_search is None:
        return EXACT.multiply(price.search_request, Decimal(searches))
    return EXACT.multiply(EXACT.multiply(price.web_search, Decimal(searches)), Decimal("0.001"))


def reported_cost(answer: Answer) -> dict[str, Any]:
    """What the answer costs, as the service itself counts it."""
    return answer.usage | {"cost": float(answer.response.charge)}


def _plain(answer: Answer) -> dict[str, Any]:
    usage = dict(answer.usage)
    usage.pop("prompt_tokens_details", None)
    return usage


def _half(answer: Answer) -> int:
    return answer.response.input_tokens // 2


def _cost(tokens: int, price: Decimal) -> Decimal:
    return EXACT.multiply(EXACT.multiply(price, Decimal(tokens)), _MILLIONTH)


def _more(answer: Answer, tokens: int, price: Decimal) -> Decimal:
    return EXACT.add(answer.response.charge, _cost(tokens, price))


def _uncached(answer: Answer) -> Decimal:
    """The charge, had nothing of the prompt been in the cache."""
    price, cached = answer.price, answer.response.cached_input_tokens
    each = price.input if price.cached_input is None else price.cached_input
    return _more(answer, cached, EXACT.subtract(price.input, each))


def _cached(answer: Answer, usage: dict[str, Any], cached: int) -> Response:
    price = answer.price
    each = price.input if price.cached_input is None else price.cached_input
    charge = EXACT.subtract(_uncached(answer), _cost(cached, EXACT.subtract(price.input, each)))
    return _with_usage(answer, usage, cached_input_tokens=cached, charge=charge)
