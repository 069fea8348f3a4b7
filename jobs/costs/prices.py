"""Prices of models, and the exact cost of one attempt's usage.

Amounts are decimal from the file to the report. A price per million tokens has at most 6 decimals,
so that a cost has at most 12, which is the scale of the `cost` columns. Nothing is ever rounded.
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ..endpoints import Endpoint
from ..wording import EXACT

ZERO = Decimal(0)
MILLIONTH = Decimal("0.000001")
THOUSANDTH = Decimal("0.001")
NO_COUNTS = "the answer does not say what it used"
HOURLY = "cache_write_1h"
CONTRADICTION = "the counts of the answer contradict one another"


class Usage(NamedTuple):
    """The usage of one answer, in headrace's own convention: input includes cached input.

    Args:
        input_tokens: all input; None where the answer does not say, as for all tokens.
        cached_input_tokens: those of them read from the cache.
        cache_write_tokens: those of them written to the cache.
        output_tokens: all output.
        reasoning_tokens: those of them spent on reasoning.
        images: images returned; None for an answer of text.
        image_size: the size that was requested, such as `1024x1024`.
        searches: search requests made.
        cache_write_1h_tokens: those of `cache_write_tokens` that are kept for an hour.
        web_searches: searches that the service made as a tool.
        why_unpriced: why no price list can tell the cost, in words; None where one can.
        reported_cost: the cost that the service itself reports, in whatever currency it has.
    """

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    images: int | None = None
    image_size: str | None = None
    searches: int = 0
    cache_write_1h_tokens: int | None = None
    web_searches: int | None = None
    why_unpriced: str | None = None
    reported_cost: Decimal | None = None


class PriceBand(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Token prices that hold from `from_input_tokens` input tokens on, cached ones included.

    What is None here is as it is for fewer tokens.
    """

    from_input_tokens: int
    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None


TOKEN_PRICES = PriceBand.__struct_fields__[1:]


class Price(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Prices of one model, in the currency of its table; None where it has no such price.

    Args:
        input: per million input tokens that are not cached.
        cached_input: per million input tokens read from the cache; None for the price of `input`.
        cache_write: per million input tokens written to the cache; None for the price of `input`.
        cache_write_1h: per million of those that are kept for an hour.
        output: per million output tokens.
        reasoning: per million of those spent on reasoning; None for the price of `output`.
        search_request: per search request, on top of its tokens.
        web_search: per thousand searches that the service makes as a tool, on top of their tokens.
        images: per image, by size such as `1024x1024`, or `default`.
        bands: other token prices for long input.
        max_input_tokens: the longest input that the model accepts.
        max_output_tokens: the longest answer that it gives.
        valid_from: when the prices took effect.
        source: where they are published.
    """

    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    search_request: Decimal | None = None
    web_search: Decimal | None = None
    images: dict[str, Decimal] = {}
    bands: tuple[PriceBand, ...] = ()
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    valid_from: dt.date | None = None
    source: str | None = None

    def cost(self, usage: Usage) -> Decimal | None:
        """Exact cost of `usage`.

        An answer with images is charged per image, by its tokens, or both, as the model has prices.

        Returns:
            An amount in the currency of the table; None where a price or a count that it needs is
            missing, or where counts contradict each other (more cached than input tokens).
        """
        found = self._cost(usage)
        return None if isinstance(found, str) else found

    def why_no_cost(self, usage: Usage) -> str | None:
        """Why `usage` has no cost by these prices, in words; None where it has one."""
        found = self._cost(usage)
        return found if isinstance(found, str) else None

    def band_from(self, input_tokens: int) -> int:
        """Where the band of so many input tokens begins; 0 below all bands."""
        begins = (each.from_input_tokens for each in self.bands)
        return max((each for each in begins if each <= input_tokens), default=0)

    def at(self, input_tokens: int) -> "Price":
        """The prices for so many input tokens, as a price without bands."""
        if not self.bands:
            return self
        found = {
            name: amount
            for band in sorted(self.bands, key=lambda each: each.from_input_tokens)
            if band.from_input_tokens <= input_tokens
            for name in TOKEN_PRICES
            if (amount := getattr(band, name)) is not None
        }
        return msgspec.structs.replace(self, bands=(), **found)

    def _cost(self, usage: Usage) -> Decimal | str:
        """The cost, or why there is none."""
        if usage.why_unpriced is not None:
            return usage.why_unpriced
        total, images = ZERO, usage.images
        if usage.searches:
            if self.search_request is None:
                return _lacking("search_request")
            total = EXACT.multiply(self.search_request, usage.searches)
        if usage.web_searches:
            if self.web_search is None:
                return _lacking("web_search")
            thousands = EXACT.multiply(self.web_search, usage.web_searches)
            total = EXACT.fma(thousands, THOUSANDTH, total)
        if images is not None:
            by_tokens = self.input is not None or self.output is not None
            if self.images or not by_tokens:
                size = usage.image_size or "default"
                each = self.images.get(size, self.images.get("default"))
                if each is None:
                    return f"the price file has no price of an image of size {size}"
                total = EXACT.add(total, EXACT.multiply(each, images))
                if not by_tokens:
                    return total
        if usage.input_tokens is None or usage.output_tokens is None:
            return NO_COUNTS
        prices = self.at(usage.input_tokens) if self.bands else self
        return prices._cost_of_tokens(usage, total)

    def _cost_of_tokens(self, usage: Usage, total: Decimal) -> Decimal | str:
        """`total` and what the tokens cost. The prices of the input's own band."""
        cached, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
        hourly = usage.cache_write_1h_tokens or 0
        fresh, output = (usage.input_tokens or 0) - cached - written, usage.output_tokens or 0
        millionths = ZERO
        if fresh:
            if fresh < 0:
                return CONTRADICTION
            if self.input is None:
                return _lacking("input")
            millionths = EXACT.multiply(self.input, fresh)
        if cached:
            price = self.input if self.cached_input is None else self.cached_input
            if price is None:
                return _lacking("input")
            millionths = EXACT.fma(price, cached, millionths)
        if written or hourly:
            price = self.input if self.cache_write is None else self.cache_write
            apart = ((written - hourly, price, "input"), (hourly, self.cache_write_1h, HOURLY))
            for tokens, each, name in apart:
                if tokens < 0:
                    return CONTRADICTION
                if tokens and each is None:
                    return _lacking(name)
                if each is not None:
                    millionths = EXACT.fma(each, tokens, millionths)
        if self.reasoning is not None and usage.reasoning_tokens:
            output -= usage.reasoning_tokens
            millionths = EXACT.fma(self.reasoning, usage.reasoning_tokens, millionths)
        if output:
            if output < 0:
                return CONTRADICTION
            if self.output is None:
                return _lacking("output")
            millionths = EXACT.fma(self.output, output, millionths)
        return EXACT.fma(millionths, MILLIONTH, total)


def _lacking(name: str) -> str:
    return f"the price file has no {name} of the model"


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices by model.

    Args:
        currency: of all prices, such as `CNY`.
        models: prices by model.
    """

    currency: str
    models: dict[str, Price]

    def is_free(self, model: str, endpoint: Endpoint) -> bool:
        """Whether the endpoint bills nothing for `model`: it is free, and no price says otherwise.

        Mistral's moderations have a price, OpenAI's have none.
        """
        price = self.models.get(model)
        return endpoint.price == "free" and (price is None or not price.input)

    def cost(self, model: str, usage: Usage) -> Decimal | None:
        """Exact cost of `usage` on `model`, or None where the table has no price for it."""
        price = self.models.get(model)
        return None if price is None else price.cost(usage)

    def why_no_cost(self, model: str, usage: Usage) -> str | None:
        """Why `usage` on `model` has no cost by this table, in words; None where it has one.

        What the answer itself leaves open (`usage.why_unpriced`) comes first.
        """
        if usage.why_unpriced is not None:
            return usage.why_unpriced
        price = self.models.get(model)
        if price is None:
            return f"the price file has no model {model!r}"
        return price.why_no_cost(usage)
