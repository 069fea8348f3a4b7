"""What an answer costs: the price table of the gateway, and exact sums.

    currency = "CNY"

    [models."deepseek-v4-flash"]
    input = 1.00             # per million input tokens
    cached_input = 0.02      # per million input tokens that were in the cache
    cache_write = 1.25       # per million input tokens written to the cache
    output = 2.00            # per million output tokens
    search_request = 0.03    # per search request, on top of its tokens

    [models."gpt-image-2".images]
    "1024x1024" = 0.25       # per image of that size
    default = 0.25           # per image of any other size

The keys that only a client needs (`max_input_tokens`, `valid_from`, `source` ...) are let through.
A price without a value is free of charge.
"""

import datetime as dt
import tomllib
from decimal import Context, Decimal, Inexact, InvalidOperation
from pathlib import Path

import msgspec

from .errors import GatewayError

# Far beyond what any sum here needs; a result that did not fit would raise, never round.
EXACT = Context(prec=64, traps=[Inexact, InvalidOperation])
ZERO = Decimal(0)
_MILLIONTH = Decimal("0.000001")
# Amounts of no more digits than these keep every sum within what EXACT holds.
_MOST = Decimal(10) ** 24
_MOST_DECIMALS = 12


class ModelPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of one model, in the table's currency; the module says the units."""

    input: Decimal = ZERO
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal = ZERO
    search_request: Decimal = ZERO
    images: dict[str, Decimal] = {}
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    valid_from: dt.date | None = None
    source: str | None = None

    def tokens_cost(
        self, *, fresh: int, output: int, cached: int = 0, written: int = 0, searches: int = 0
    ) -> Decimal:
        """Exact cost of one text answer; `fresh` input excludes cached and written input."""
        total = EXACT.add(
            EXACT.multiply(self.input, Decimal(fresh)),
            EXACT.multiply(self.output, Decimal(output)),
        )
        if cached:
            each = self.input if self.cached_input is None else self.cached_input
            total = EXACT.add(total, EXACT.multiply(each, Decimal(cached)))
        if written:
            each = self.input if self.cache_write is None else self.cache_write
            total = EXACT.add(total, EXACT.multiply(each, Decimal(written)))
        cost = EXACT.multiply(total, _MILLIONTH)
        if searches:
            cost = EXACT.add(cost, EXACT.multiply(self.search_request, Decimal(searches)))
        return cost

    def images_cost(self, size: str, count: int) -> Decimal:
        """Exact cost of `count` images of `size`, such as `1024x1024`."""
        each = self.images.get(size, self.images.get("default", ZERO))
        return EXACT.multiply(each, Decimal(count))


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices by model. A model with an `images` table makes images, the others write text."""

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
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise GatewayError(f"cannot read the price file {path}: {error.strerror}") from error
    except ValueError as error:
        # No TOML, no UTF-8, or a number of thousands of digits.
        raise GatewayError(f"{path} is not a TOML price file: {error}") from error
    try:
        table = msgspec.convert(data, PriceTable)
    except msgspec.ValidationError as error:
        raise GatewayError(f"{path}: {error}") from error
    for model, price in table.models.items():
        for name, amount in _amounts(price):
            check_amount(f'{path}: models."{model}".{name}', amount)
    return table


def check_amount(name: str, amount: Decimal) -> None:
    """Raises GatewayError, naming `name`, for what no balance, budget or price can be."""
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
        ("output", price.output),
        ("search_request", price.search_request),
        *((f"images.{size}", each) for size, each in price.images.items()),
    ]
    return [(name, amount) for name, amount in named if amount is not None]


def format_amount(amount: Decimal) -> str:
    """`amount` as digits: all that it has, no exponent, at least one decimal."""
    text = format(amount, "f")
    if "." not in text:
        return f"{text}.0"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"
