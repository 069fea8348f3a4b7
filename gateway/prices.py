"""What an answer costs: the price table of the gateway, and exact sums.

    currency = "CNY"

    [models."deepseek-v4-flash"]
    input = 1.00             # per million input tokens
    cached_input = 0.02      # per million input tokens that were in the cache
    output = 2.00            # per million output tokens
    search_request = 0.03    # per search request, on top of its tokens

    [models."gpt-image-2".images]
    "1024x1024" = 0.25       # per image of that size
    default = 0.25           # per image of any other size

The keys that only a client needs (`reasoning`, `bands`, `max_input_tokens`, `source` ...) are
accepted and ignored. Keys may be spelled with - or with _. A missing price is free of charge.
"""

import datetime as dt
from decimal import Context, Decimal, Inexact, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from .errors import GatewayError
from .toml_file import read_toml

# Far beyond what any sum here needs; a result that does not fit raises and is never rounded.
EXACT = Context(prec=64, traps=[Inexact, InvalidOperation])
ZERO = Decimal(0)
_MILLIONTH = Decimal("0.000001")
# Amounts within these keep every sum within the precision of EXACT.
_MOST = Decimal(10) ** 24
_MOST_DECIMALS = 12


class ModelPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of one model, in the currency of its table.

    Args:
        input: per million input tokens.
        cached_input: per million input tokens read from the cache; None for the price of `input`.
        output: per million output tokens.
        search_request: per search request, on top of its tokens.
        images: per image, by size such as `1024x1024`, or `default`.
        cache_write: per million input tokens written to the cache; None for the price of `input`.
        cache_write_1h: the same where the cache keeps them for an hour; None for twice `input`.
        web_search: per thousand searches of the service's own; None for `search_request` each.

    The three last are for answers in a provider's variant. The other fields are for clients only.
    """

    input: Decimal = ZERO
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    output: Decimal = ZERO
    reasoning: Decimal | None = None
    search_request: Decimal = ZERO
    web_search: Decimal | None = None
    images: dict[str, Decimal] = {}
    bands: list[dict[str, Any]] = []
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    valid_from: dt.date | None = None
    source: str | None = None

    def tokens_cost(
        self, *, fresh: int, output: int, cached: int = 0, searches: int = 0
    ) -> Decimal:
        """Exact cost of one text answer; `fresh` excludes `cached` input tokens."""
        total = EXACT.add(
            EXACT.multiply(self.input, Decimal(fresh)),
            EXACT.multiply(self.output, Decimal(output)),
        )
        if cached:
            each = self.input if self.cached_input is None else self.cached_input
            total = EXACT.add(total, EXACT.multiply(each, Decimal(cached)))
        cost = EXACT.multiply(total, _MILLIONTH)
        if searches:
            cost = EXACT.add(cost, EXACT.multiply(self.search_request, Decimal(searches)))
        return cost

    def images_cost(self, size: str, count: int) -> Decimal:
        """Exact cost of `count` images of `size`, such as `1024x1024`."""
        each = self.images.get(size, self.images.get("default", ZERO))
        return EXACT.multiply(each, Decimal(count))


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices by model. Models with an `images` table make images, the others text.

    Args:
        currency: of all prices, such as `CNY`.
        models: prices by model.
    """

    currency: str = "CNY"
    models: dict[str, ModelPrice]


DEFAULT_PRICES = PriceTable(
    models={
        "deepseek-v4-flash": ModelPrice(
            input=Decimal("1"),
            cached_input=Decimal("0.02"),
            output=Decimal("2"),
            search_request=Decimal("0.03"),
        ),
        "gpt-image-2": ModelPrice(
            images={"1024x1024": Decimal("0.25"), "default": Decimal("0.25")}
        ),
    }
)


def load_prices(path: Path) -> PriceTable:
    """Read a price file. Raises GatewayError, naming the file and the key at fault."""
    table = read_toml(path, PriceTable, what="price file")
    for model, price in table.models.items():
        for name, amount in _amounts(price):
            check_amount(f'{path}: models."{model}".{name}', amount)
    return table


def check_amount(name: str, amount: Decimal) -> None:
    """Raises GatewayError, naming `name`, unless `amount` can be a balance, a budget or a price."""
    if not amount.is_finite() or amount < 0:
        raise GatewayError(f"{name} is {amount}; an amount is zero or more, such as 0.5")
    if amount >= _MOST:
        raise GatewayError(f"{name} is {amount:.3g}; write less than 10^24")
    if -int(amount.as_tuple().exponent) > _MOST_DECIMALS:
        raise GatewayError(f"{name} has more than {_MOST_DECIMALS} decimals; write fewer")


def _amounts(price: ModelPrice) -> list[tuple[str, Decimal]]:
    named = [
        ("input", price.input),
        ("cached_input", price.cached_input),
        ("cache_write", price.cache_write),
        ("cache_write_1h", price.cache_write_1h),
        ("output", price.output),
        ("reasoning", price.reasoning),
        ("search_request", price.search_request),
        ("web_search", price.web_search),
        *((f"images.{size}", each) for size, each in price.images.items()),
    ]
    return [(name, amount) for name, amount in named if amount is not None]


def format_amount(amount: Decimal) -> str:
    """All digits of `amount`, without an exponent, with at least one decimal."""
    text = format(amount, "f")
    if "." not in text:
        return f"{text}.0"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"
