"""Prices: a TOML table, and the exact cost of one attempt's usage.

    currency = "CNY"

    [models."deepseek-v4-flash"]
    input = 1.00             # per million input tokens that are not cached
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

Amounts are decimal from the file to the report. A price per million tokens has at most 6 decimals,
so that a cost has at most 12, which is the scale of the `cost` columns. Nothing is ever rounded.
"""

import datetime as dt
import tomllib
from decimal import Decimal, Inexact
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from ..amount import EXACT
from ..errors import InputError

T = TypeVar("T")

ZERO = Decimal(0)
MILLIONTH = Decimal("0.000001")
# The most decimals that keep a cost within the 12 decimals of its column.
TOKEN_PRICE_DECIMALS = 6
UNIT_PRICE_DECIMALS = 12
# With counts of 64 bits, a cost then fits the 26 digits before the point of its column.
PRICE_BOUND = 10**12


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


class Price(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Prices of one model, in the currency of its table; None where it has no such price.

    Args:
        input: per million input tokens that are not cached.
        cached_input: per million input tokens read from the cache; None for the price of `input`.
        cache_write: per million input tokens written to the cache; None for the price of `input`.
        output: per million output tokens.
        search_request: per search request, on top of its tokens.
        images: per image, by size such as `1024x1024`, or `default`.
        max_input_tokens: the longest input that the model accepts.
        max_output_tokens: the longest answer that it gives.
        valid_from: when the prices took effect.
        source: where they are published.
    """

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
        """Exact cost of `usage`.

        An answer with images is charged per image, by its tokens, or both, as the model has prices.

        Returns:
            An amount in the currency of the table; None where a price or a count that it needs is
            missing, or where counts contradict each other (more cached than input tokens).
        """
        input_tokens, cached, written, output_tokens, _, images, image_size, searches = usage[:8]
        if usage.why_unpriced is not None:
            return None
        total = ZERO
        if searches:
            if self.search_request is None:
                return None
            total = EXACT.multiply(self.search_request, searches)
        if images is not None:
            by_tokens = self.input is not None or self.output is not None
            if self.images or not by_tokens:
                each = self.images.get(image_size or "default", self.images.get("default"))
                if each is None:
                    return None
                total = EXACT.add(total, EXACT.multiply(each, images))
                if not by_tokens:
                    return total
        if input_tokens is None or output_tokens is None:
            return None
        fresh = input_tokens - (cached or 0) - (written or 0)
        parts = [(fresh, self.input), (output_tokens, self.output)]
        if cached:
            parts.append((cached, self.input if self.cached_input is None else self.cached_input))
        if written:
            parts.append((written, self.input if self.cache_write is None else self.cache_write))
        millionths = ZERO
        for tokens, price in parts:
            if tokens:
                if tokens < 0 or price is None:
                    return None
                millionths = EXACT.fma(price, tokens, millionths)
        return EXACT.fma(millionths, MILLIONTH, total)


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices by model.

    Args:
        currency: of all prices, such as `CNY`.
        models: prices by model.
    """

    currency: str
    models: dict[str, Price]

    def cost(self, model: str, usage: Usage) -> Decimal | None:
        """Exact cost of `usage` on `model`, or None where the table has no price for it."""
        price = self.models.get(model)
        return None if price is None else price.cost(usage)


def load_prices(path: Path) -> PriceTable:
    """Read a price file.

    Args:
        path: a TOML file, as the module shows it.

    Raises:
        InputError: naming the file and the key at fault.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise InputError(f"cannot read the price file {path}: {error.strerror}") from error
    except RecursionError as error:
        raise InputError(f"{path} is not a TOML price file: it is nested too deeply") from error
    except ArithmeticError as error:
        raise InputError(f"{path}: a number in it has too large an exponent") from error
    except ValueError as error:
        raise InputError(f"{path} is not a TOML price file: {error}") from error
    draft = _converted(data, _Draft, f"{path}: ")
    if not draft.currency.strip():
        raise InputError(f'{path}: currency is empty; write one such as "CNY"')
    models = {
        name: _model(f'{path}: models."{name}"', entry) for name, entry in draft.models.items()
    }
    return PriceTable(currency=draft.currency, models=models)


class _Draft(msgspec.Struct, forbid_unknown_fields=True):
    """The file before its models are converted, one by one, so that errors can name them."""

    currency: str
    models: dict[str, Any]


def _model(where: str, entry: Any) -> Price:
    if isinstance(entry, dict) and isinstance(entry.get("images"), dict):
        for size, each in entry["images"].items():
            _converted(each, Decimal, f'{where}.images."{size}"')
    price = _converted(entry, Price, where)
    for key in ("max_input_tokens", "max_output_tokens"):
        count = getattr(price, key)
        if count is not None and count < 1:
            raise InputError(f"{where}.{key} is {count}; a maximum is one token or more")
    amounts: dict[str, Any] = {
        key: _amount(getattr(price, key), decimals, f"{where}.{key}")
        for key, decimals in (
            ("input", TOKEN_PRICE_DECIMALS),
            ("cached_input", TOKEN_PRICE_DECIMALS),
            ("cache_write", TOKEN_PRICE_DECIMALS),
            ("output", TOKEN_PRICE_DECIMALS),
            ("search_request", UNIT_PRICE_DECIMALS),
        )
    }
    amounts["images"] = {
        size: _amount(each, UNIT_PRICE_DECIMALS, f'{where}.images."{size}"')
        for size, each in price.images.items()
    }
    return msgspec.structs.replace(price, **amounts)


def _amount(amount: Decimal | None, decimals: int, where: str) -> Decimal | None:
    """The amount with at most `decimals` decimals."""
    if amount is None:
        return None
    if not amount.is_finite() or amount < 0:
        raise InputError(f"{where} is {amount}; a price is zero or more")
    if amount >= PRICE_BOUND:
        raise InputError(f"{where} is {amount}; a price is below {PRICE_BOUND:,}")
    if -int(amount.as_tuple().exponent) <= decimals:
        return amount
    try:
        return amount.quantize(Decimal(1).scaleb(-decimals), context=EXACT)
    except Inexact as error:
        raise InputError(f"{where} is {amount}; a price has at most {decimals} decimals") from error


def _converted(value: Any, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, key = str(error).partition(" - at `$")
        key = key.rstrip("`")
        what = what.replace(" | null", "").replace("`decimal`", "`number`")
        where += key if where.endswith('"') else key.lstrip(".")
        raise InputError(f"{where.rstrip(': ')}: {what}") from error
