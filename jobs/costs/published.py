"""Price lists that others publish, as JSON, made into ours.

litellm      model_prices_and_context_window.json: a model each, USD for one token or piece
models.dev   api.json: providers with their models, USD for a million tokens

Both have prices of their own for long input: litellm as keys that end in `_above_200k_tokens`, each
by itself, models.dev as `tiers` or, before it had these, as `context_over_200k`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Context, Decimal, Inexact
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from headrace.text_file import TextEncodingError, read_text

from ..errors import InputError
from ..wording import EXACT, counted, suggested
from .price_file import PRICE_BOUND, TOKEN_PRICE_DECIMALS
from .prices import Price, PriceBand, PriceTable

CURRENCY = "USD"
MILLION = Decimal(10**6)
# What litellm calls each price of a token.
LITELLM_TOKENS = {
    "input": "input_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "output": "output_cost_per_token",
    "reasoning": "output_cost_per_reasoning_token",
}
# What some of its models have in the place of another key.
LITELLM_INSTEAD = {"cached_input": "input_cost_per_token_cache_hit"}
LITELLM_PIECES = ("output_cost_per_image", "input_cost_per_query")
LITELLM_BAND = re.compile(r"(?P<key>\w+?)_above_(?P<tokens>\d+)(?P<thousand>k?)_tokens")
MODELS_DEV_TOKENS = {
    "input": "input",
    "cached_input": "cache_read",
    "cache_write": "cache_write",
    "output": "output",
    "reasoning": "reasoning",
}
# What something costs, in either list; batches and other tiers of the service are for requests that
# a price file has no prices for anyhow.
COST = re.compile(r"(?!.*_(batch(es)?|flex|priority)$).*cost.*|input_audio|output_audio")
MODELS_DEV_BAND = re.compile(r"context_over_(?P<thousands>\d+)k")
SHOWN = 3
# So many digits of a decimal number survive as a float (IEEE 754's binary64): further ones are of a
# sum that was made in floats, such as 2.7499999999999998e-07.
FLOAT_DIGITS = Context(prec=15)
TOKENS_MAX = 10**12


class Published(NamedTuple):
    """Prices of a published list; `notes` say what of it was left out, and why."""

    table: PriceTable
    source: str
    notes: list[str]


class _Entry(NamedTuple):
    """A model of a list: what it is called there and by whom, its prices, and the keys of those
    that a price file has no place for."""

    model: str
    provider: str
    price: Price
    aside: list[str]


class _UnusableError(ValueError):
    """An entry that no price file can hold; the text says why."""


def published_prices(
    path: Path, *, provider: str | None = None, models: Sequence[str] = ()
) -> Published:
    """Read a published price list.

    Args:
        path: a file that was downloaded before.
        provider: whose models; None for all.
        models: names, or patterns with `*` and `?`; none for all.

    Raises:
        InputError: it is neither form, nothing in it was asked for, or models have several prices.
    """
    data = _decoded(path)
    read, source = _form(path, data)
    entries, unusable, unpriced = list[_Entry](), dict[str, str](), list[str]()
    providers = set[str]()
    for model, whose, entry, make in read(data):
        providers.add(whose)
        if provider is not None and whose != provider:
            continue
        name = model.removeprefix(f"{whose}/") if provider is not None else model
        if models and not any(fnmatchcase(name, pattern) for pattern in models):
            continue
        try:
            price = make(entry)
        except _UnusableError as reason:
            unusable[name] = str(reason)
            continue
        aside = _aside(entry)
        if price is not None:
            entries.append(_Entry(name, whose, price, aside))
        elif aside:
            unpriced.append(name)
    if provider is not None and provider not in providers:
        raise InputError(
            f"{path} has no provider {provider!r}{suggested(provider, sorted(providers))}"
        )
    found = _one_each(entries, path)
    notes = [f"{model!r}: {reason}" for model, reason in [*unusable.items()][:SHOWN]]
    if len(unusable) > SHOWN:
        notes.append(f"{counted(len(unusable) - SHOWN, 'more model')} of this kind")
    if not found:
        why = f": {'; '.join(notes)}" if notes else ""
        raise InputError(f"{path} has no prices of tokens or images of what was asked for{why}")
    table = PriceTable(currency=CURRENCY, models=found)
    left_out = [f"left out: {each}" for each in notes]
    return Published(table, source, [*left_out, *_aside_notes(entries, unpriced)])


def _aside(entry: Mapping[str, Any]) -> list[str]:
    """The keys of prices that are more than nothing, and that no price of ours comes from."""
    known = {*LITELLM_TOKENS.values(), *LITELLM_INSTEAD.values(), *LITELLM_PIECES}
    cost = entry.get("cost")
    found = []
    for key, value in (cost if isinstance(cost, dict) else entry).items():
        band = LITELLM_BAND.fullmatch(key)
        taken = key in known or (band is not None and band["key"] in known)
        if COST.fullmatch(key) and not taken and value:
            found.append(key)
    return found


def _aside_notes(entries: Sequence[_Entry], unpriced: Sequence[str]) -> Iterator[str]:
    """What was left aside of the models that are there, and which are not for its sake."""
    counts = Counter(key for entry in entries for key in entry.aside)
    for key, count in counts.most_common(SHOWN):
        yield f"left aside: {key} of {counted(count, 'model')}, which a price file has no place for"
    if len(counts) > SHOWN:
        yield f"left aside: {counted(len(counts) - SHOWN, 'more price')} of this kind"
    if unpriced:
        yield (
            f"left out: {counted(len(unpriced), 'model')} without a price of tokens, images or "
            f"searches, such as {unpriced[0]!r}"
        )


def _decoded(path: Path) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(read_text(path), type=dict[str, Any], strict=True)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, TextEncodingError, RecursionError) as error:
        raise InputError(f"{path} is not a published price list: {error}") from error
    return data


Entry = Mapping[str, Any]
Models = Iterator[tuple[str, str, Entry, Callable[[Entry], Price | None]]]


def _form(path: Path, data: dict[str, Any]) -> tuple[Callable[[dict[str, Any]], Models], str]:
    providers = data.get("providers", data)
    tables = [each for each in providers.values() if isinstance(each, dict)]
    if any(isinstance(each.get("models"), dict) for each in tables):
        return _models_dev, "https://models.dev"
    if any("litellm_provider" in each for each in tables):
        return _litellm, "https://github.com/BerriAI/litellm"
    raise InputError(
        f"{path} is neither litellm's model_prices_and_context_window.json nor the api.json of "
        "models.dev"
    )


def _litellm(data: dict[str, Any]) -> Models:
    for model, entry in data.items():
        if model in ("sample_spec", "fallback_generalizations") or not isinstance(entry, dict):
            continue
        provider = str(entry.get("litellm_provider", ""))
        yield model, provider, entry, _litellm_price


def _litellm_price(entry: Mapping[str, Any]) -> Price | None:
    tokens = _tokens(entry, LITELLM_INSTEAD, MILLION) | _tokens(entry, LITELLM_TOKENS, MILLION)
    bands: dict[int, dict[str, Any]] = {}
    names = {theirs: ours for ours, theirs in LITELLM_TOKENS.items()}
    for key, value in entry.items():
        found = LITELLM_BAND.fullmatch(key)
        if found and value is not None and (ours := names.get(found["key"])):
            over = int(found["tokens"]) * (1000 if found["thousand"] else 1)
            bands.setdefault(over + 1, {})[ours] = _amount(value, MILLION)
    per_image = entry.get("output_cost_per_image")
    images = {} if per_image is None else {"default": _amount(per_image, Decimal(1))}
    query = entry.get("input_cost_per_query")
    if entry.get("tiered_pricing"):
        raise _UnusableError("it has tiered_pricing; write its bands by hand")
    if not tokens and not images and query is None:
        return None
    return Price(
        **tokens,
        images=images,
        search_request=None if query is None else _amount(query, Decimal(1)),
        bands=_bands(bands),
        max_input_tokens=_count(entry.get("max_input_tokens")),
        max_output_tokens=_count(entry.get("max_output_tokens")),
    )


def _models_dev(data: dict[str, Any]) -> Models:
    for provider, table in data.get("providers", data).items():
        models = table.get("models") if isinstance(table, dict) else None
        for model, entry in models.items() if isinstance(models, dict) else ():
            if isinstance(entry, dict):
                yield model, provider, entry, _models_dev_price


def _models_dev_price(entry: Mapping[str, Any]) -> Price | None:
    cost, limit = entry.get("cost"), entry.get("limit")
    if not isinstance(cost, dict):
        return None
    over = _models_dev_tiers(cost["tiers"]) if cost.get("tiers") else _models_dev_over(cost)
    bands = {
        above + 1: _tokens(prices, MODELS_DEV_TOKENS, Decimal(1)) for above, prices in over.items()
    }
    tokens = _tokens(cost, MODELS_DEV_TOKENS, Decimal(1))
    limits = limit if isinstance(limit, dict) else {}
    if not tokens:
        return None
    return Price(
        **tokens,
        bands=_bands(bands),
        max_input_tokens=_count(limits.get("input") or limits.get("context")),
        max_output_tokens=_count(limits.get("output")),
    )


def _models_dev_over(cost: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """The prices above so many input tokens, as models.dev had them first."""
    return {
        int(found["thousands"]) * 1000: value
        for key, value in cost.items()
        if (found := MODELS_DEV_BAND.fullmatch(key)) and isinstance(value, dict)
    }


def _models_dev_tiers(tiers: Any) -> dict[int, Mapping[str, Any]]:
    """The same as it has them now."""
    found = {}
    for each in tiers if isinstance(tiers, list) else [tiers]:
        tier = each.get("tier") if isinstance(each, dict) else None
        size = None
        if isinstance(tier, dict) and tier.get("type") == "context":
            size = _count(tier.get("size"))
        if size is None:
            raise _UnusableError(
                "it has tiers by something else than the context; write it by hand"
            )
        found[size] = each
    return found


def _tokens(entry: Mapping[str, Any], names: Mapping[str, str], factor: Decimal) -> dict[str, Any]:
    return {
        ours: _amount(entry[theirs], factor)
        for ours, theirs in names.items()
        if entry.get(theirs) is not None
    }


def _bands(found: Mapping[int, dict[str, Any]]) -> tuple[PriceBand, ...]:
    return tuple(PriceBand(from_input_tokens=begins, **found[begins]) for begins in sorted(found))


def _amount(value: Any, factor: Decimal) -> Decimal:
    """A price of ours. JSON's numbers are read as floats, whose shortest text is what was written
    unless it had more than 16 digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _UnusableError(f"{value!r} is not a price")
    amount = Decimal(repr(value))
    if isinstance(value, float):
        amount = FLOAT_DIGITS.plus(amount)
    amount *= factor
    if not 0 <= amount < PRICE_BOUND:
        raise _UnusableError(f"{value!r} is not a price")
    try:
        exact = amount.quantize(Decimal(1).scaleb(-TOKEN_PRICE_DECIMALS), context=EXACT)
    except Inexact as error:
        raise _UnusableError(
            f"{amount.normalize():f} has more than {TOKEN_PRICE_DECIMALS} decimals"
        ) from error
    return exact.copy_abs().normalize()


def _count(value: Any) -> int | None:
    """A number of tokens; what else stands there is not a limit."""
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    return int(value) if whole and 1 <= value <= TOKENS_MAX else None


def _one_each(entries: Sequence[_Entry], path: Path) -> dict[str, Price]:
    """Prices by model. Raises InputError where a model has several."""
    found: dict[str, list[_Entry]] = {}
    for entry in entries:
        found.setdefault(entry.model, []).append(entry)
    several = [
        (model, [each.provider for each in same])
        for model, same in found.items()
        if any(each.price != same[0].price for each in same)
    ]
    if several:
        model, whose = several[0]
        raise InputError(
            f"{path}: {counted(len(several), 'model')} of several providers at different prices, "
            f"such as {model} ({', '.join(sorted(whose)[:SHOWN])}): give --provider"
        )
    return {model: same[0].price for model, same in sorted(found.items())}
