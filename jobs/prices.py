"""Prices: a TOML table, and the exact cost of one attempt's usage.

    currency = "CNY"

    [models."deepseek-v4-flash"]
    input = 1.00             # per million input tokens that came from no cache
    cached_input = 0.02      # per million input tokens read from the cache
    cache_write = 1.25       # per million input tokens written to the cache
    output = 2.00            # per million output tokens
    search_request = 0.03    # per search request, on top of its tokens
    max_input_tokens = 131072
    max_output_tokens = 8192
    valid_from = 2026-01-01
    source = "the page or the contract that says so"

    [models."gpt-image-2".images]
    "1024x1024" = 0.25       # per image of that size
    default = 0.25           # per image of any other size

Amounts are decimal from the file to the report: at most 6 decimals a million tokens, so that a cost
has at most 12, which is the scale of the `cost` columns. Nothing is rounded on the way.
"""

import datetime as dt
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from .errors import InputError

MILLION = Decimal(1_000_000)
# Finest steps that keep a cost within the 12 decimals of its column.
TOKEN_PRICE_DECIMALS = 6
UNIT_PRICE_DECIMALS = 12


class Usage(NamedTuple):
    """What one answer used, in headrace's own convention: input includes cached input.

    Tokens are counts or None where the answer did not say; `images` counts the images returned and
    `image_size` is the size that was asked for, `searches` the search requests made.
    """

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    images: int | None = None
    image_size: str | None = None
    searches: int = 0


class Price(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Prices of one model; see the module's example for units."""

    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None
    search_request: Decimal | None = None
    images: dict[str, Decimal] = {}
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    valid_from: dt.date | None = None
    source: str | None = None

    def cost(self, usage: Usage) -> Decimal | None:
        """Exact cost of `usage`, or None where a price or a count that it needs is missing."""
        total = Decimal(0)
        if usage.searches:
            if self.search_request is None:
                return None
            total += self.search_request * usage.searches
        if usage.images is not None:
            each = self.images.get(usage.image_size or "default", self.images.get("default"))
            if each is None:
                return None
            total += each * usage.images
        if usage.input_tokens is None or usage.output_tokens is None:
            # Images are priced by the piece: an image answer needs no token counts.
            return total if usage.images is not None and self.input is None else None
        cached = usage.cached_input_tokens or 0
        written = usage.cache_write_tokens or 0
        fresh = usage.input_tokens - cached - written
        for tokens, price in (
            (fresh, self.input),
            (cached, self.cached_input if self.cached_input is not None else self.input),
            (written, self.cache_write if self.cache_write is not None else self.input),
            (usage.output_tokens, self.output),
        ):
            if tokens and price is None:
                return None
            total += tokens * (price or Decimal(0)) / MILLION
        return total


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices by model, all in one currency."""

    currency: str
    models: dict[str, Price]

    def cost(self, model: str, usage: Usage) -> Decimal | None:
        """Exact cost of `usage` on `model`, or None where the table has no price for it."""
        price = self.models.get(model)
        return None if price is None else price.cost(usage)


def load_prices(path: Path) -> PriceTable:
    """Read a price file. Raises InputError, with the key at fault, for anything unusable."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise InputError(f"cannot read the price file {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is not a TOML price file: {error}") from error
    try:
        table = msgspec.convert(data, PriceTable)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}") from error
    for model, price in table.models.items():
        _check(path, model, price)
    return table


def _check(path: Path, model: str, price: Price) -> None:
    amounts: list[tuple[str, Any, int]] = [
        (name, getattr(price, name), TOKEN_PRICE_DECIMALS)
        for name in ("input", "cached_input", "cache_write", "output")
    ]
    amounts.append(("search_request", price.search_request, UNIT_PRICE_DECIMALS))
    amounts += [
        (f"images.{size}", each, UNIT_PRICE_DECIMALS) for size, each in price.images.items()
    ]
    for name, amount, decimals in amounts:
        if amount is None:
            continue
        where = f'{path}: models."{model}".{name}'
        if not amount.is_finite() or amount < 0:
            raise InputError(f"{where} is {amount}; a price is zero or more")
        if -amount.normalize().as_tuple().exponent > decimals:
            raise InputError(f"{where} is {amount}; a price has at most {decimals} decimals")
