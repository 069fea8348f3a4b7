"""The price file: a TOML table of prices by model.

    currency = "CNY"

    [models."deepseek-v4-flash"]
    input = 1.00             # per million input tokens that are not cached
    cached_input = 0.02      # per million input tokens read from the cache
    cache_write = 1.25       # per million input tokens written to the cache
    cache_write_1h = 2.00    # per million of those that are kept for an hour
    output = 2.00            # per million output tokens
    reasoning = 3.00         # per million of those spent on reasoning
    search_request = 0.03    # per search request, on top of its tokens
    web_search = 70.00       # per thousand searches as a tool, on top of their tokens
    max_input_tokens = 131072
    max_output_tokens = 8192
    valid_from = 2026-01-01
    source = "the page or the contract that says so"

    [[models."deepseek-v4-flash".bands]]
    from_input_tokens = 65536  # from so many input tokens on other prices hold
    input = 2.00
    output = 4.00

    [models."gpt-image-2".images]
    "1024x1024" = 0.25       # per image of that size
    default = 0.25           # per image of any other size

Keys may be spelled with - or with _.
"""

import tomllib
from decimal import Decimal, Inexact
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from headrace.text_file import read_text
from headrace.toml_keys import KeyTwiceError, snake_keys

from ..errors import InputError
from ..wording import EXACT, suggested
from .prices import TOKEN_PRICES, Price, PriceBand, PriceTable

T = TypeVar("T")

UNKNOWN_FIELD = "Object contains unknown field `"  # as msgspec says it

# The most decimals that keep a cost within the 12 decimals of its column.
TOKEN_PRICE_DECIMALS = 6
THOUSAND_PRICE_DECIMALS = 9
UNIT_PRICE_DECIMALS = 12
# With counts of 64 bits, a cost then fits the 26 digits before the point of its column.
PRICE_BOUND = 10**12


def load_prices(path: Path) -> PriceTable:
    """Read a price file.

    Args:
        path: a TOML file, as the module shows it.

    Raises:
        InputError: naming the file and the key at fault.
    """
    try:
        data = tomllib.loads(read_text(path), parse_float=Decimal)
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
    entry = _snake_case(entry, where)
    if isinstance(entry, dict) and isinstance(entry.get("bands"), list):
        bands = [_snake_case(each, f"{where}.bands[{n}]") for n, each in enumerate(entry["bands"])]
        entry = {**entry, "bands": bands}
    if isinstance(entry, dict) and isinstance(entry.get("images"), dict):
        for size, each in entry["images"].items():
            _converted(each, Decimal, f'{where}.images."{size}"')
    price = _converted(entry, Price, where)
    for key in ("max_input_tokens", "max_output_tokens"):
        count = getattr(price, key)
        if count is not None and count < 1:
            raise InputError(f"{where}.{key} is {count}; a maximum is one token or more")
    amounts: dict[str, Any] = _token_prices(price, where)
    for key, decimals in (
        ("search_request", UNIT_PRICE_DECIMALS),
        ("web_search", THOUSAND_PRICE_DECIMALS),
    ):
        amounts[key] = _amount(getattr(price, key), decimals, f"{where}.{key}")
    amounts["bands"] = _bands(price, where)
    amounts["images"] = {
        size: _amount(each, UNIT_PRICE_DECIMALS, f'{where}.images."{size}"')
        for size, each in price.images.items()
    }
    return msgspec.structs.replace(price, **amounts)


def _snake_case(entry: Any, where: str) -> Any:
    """A table with its keys as the code spells them; `cache-write` is `cache_write`."""
    if not isinstance(entry, dict):
        return entry
    try:
        return snake_keys(entry)
    except KeyTwiceError as error:
        raise InputError(f"{where}.{error}") from error


def _token_prices(prices: Price | PriceBand, where: str) -> dict[str, Decimal | None]:
    return {
        key: _amount(getattr(prices, key), TOKEN_PRICE_DECIMALS, f"{where}.{key}")
        for key in TOKEN_PRICES
    }


def _bands(price: Price, where: str) -> tuple[PriceBand, ...]:
    """The bands by where they begin."""
    found: dict[int, PriceBand] = {}
    for number, band in enumerate(price.bands):
        place, begin = f"{where}.bands[{number}]", band.from_input_tokens
        if begin < 1:
            raise InputError(f"{place}.from_input_tokens is {begin}; write one token or more")
        if begin in found:
            raise InputError(f"{place}.from_input_tokens is {begin}, as another band's is")
        found[begin] = msgspec.structs.replace(band, **_token_prices(band, place))
    return tuple(found[begin] for begin in sorted(found))


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
        raise InputError(f"{where.rstrip(': ')}: {_with_advice(what)}") from error


def _with_advice(what: str) -> str:
    """What msgspec says is wrong, and what was likely meant."""
    if what.startswith(UNKNOWN_FIELD):
        name = what.removeprefix(UNKNOWN_FIELD).rstrip("`")
        kinds: tuple[type[msgspec.Struct], ...] = (Price, PriceBand, _Draft)
        return what + suggested(name, [key for kind in kinds for key in kind.__struct_fields__])
    if what.startswith("Invalid decimal"):
        return f"{what}; write a number with a point and without quotes, such as 1.00"
    return what
