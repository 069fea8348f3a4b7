"""A price file beside what an account took, by model."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from headrace.jobs import Price, PriceTable

from .by_model import taken_ranges, used_by_model
from .observed import PRICE_PLACES, Observation, Observed, Unit, as_amount, smallest

INSTEAD = {"cached_input": "input", "cache_write": "input", "reasoning": "output"}

Verdict = Literal["agrees", "differs", "unknown"]


class ModelCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What one model cost between the readings that count.

    Args:
        model: its name.
        computed: by the price file; None where that lacks a price.
        account_low: the least that the account can have taken for it; None where that isn't known.
        account_high: the most.
        lacks: what the file has no price of.
        verdict: whether the one is within the other.
    """

    model: str
    computed: Decimal | None
    account_low: Decimal | None
    account_high: Decimal | None
    lacks: list[str]
    verdict: Verdict


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two readings between which the account took something else than the file says."""

    began: datetime
    ended: datetime
    computed: Decimal
    account_low: Decimal | None
    account_high: Decimal
    models: list[str]


class PriceCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A price file held against an account.

    Args:
        currency: of all amounts.
        computed: by the file, between the readings that count.
        account_low: the least that the account took meanwhile; None where a bill is not known.
        account_high: the most.
        models: by model.
        differences: where the two differ, in order of time.
        intervals: how many stretches between two readings were compared.
        notes: what could not be used.
        verdict: `differs` where any stretch or any model does, `unknown` where the file lacks a
            price or there was nothing to compare.
    """

    currency: str
    computed: Decimal | None
    account_low: Decimal | None
    account_high: Decimal
    models: list[ModelCheck]
    differences: list[Difference]
    intervals: int
    notes: list[str]
    verdict: Verdict


def check_prices(observed: Observed, table: PriceTable) -> PriceCheck:
    """Compute by `table` what was used between the readings, and compare.

    Args:
        observed: with what was used told apart by the bands of `table`.
        table: in the currency of the account.
    """
    stretches = smallest(observed.observations)
    costs = [_cost(table, each.used) for each in stretches]
    differences = [
        Difference(
            began=each.began,
            ended=each.ended,
            computed=as_amount(int(cost)),
            account_low=None if each.low is None else as_amount(each.low),
            account_high=as_amount(each.high),
            models=sorted({unit.model for unit in each.used}),
        )
        for each, cost in zip(stretches, costs, strict=True)
        if cost is not None and not _within(cost, each.low, each.high)
    ]
    models = _by_model(observed.observations, stretches, table)
    lows = [each.low for each in stretches]
    if differences or any(each.verdict == "differs" for each in models):
        verdict: Verdict = "differs"
    elif not stretches or None in costs:
        verdict = "unknown"
    else:
        verdict = "agrees"
    return PriceCheck(
        currency=observed.currency,
        computed=_sum(costs),
        account_low=None
        if None in lows
        else as_amount(sum(low for low in lows if low is not None)),
        account_high=as_amount(sum(each.high for each in stretches)),
        models=models,
        differences=differences,
        intervals=len(stretches),
        notes=[*(observed.perhaps_several if verdict == "differs" else []), *observed.notes],
        verdict=verdict,
    )


def _by_model(
    observations: Sequence[Observation], stretches: Sequence[Observation], table: PriceTable
) -> list[ModelCheck]:
    used = used_by_model(stretches)
    ranges = taken_ranges(observations, used)
    checks = []
    for model, amounts in sorted(used.items()):
        # Where no one price list explains it all, what was this model's alone still tells.
        taken = ranges.get(model) if ranges else _taken_alone(model, stretches)
        cost = _cost(table, amounts)
        if cost is None or taken is None:
            verdict: Verdict = "unknown"
        else:
            verdict = "agrees" if taken[0] <= cost <= taken[1] else "differs"
        checks.append(
            ModelCheck(
                model=model,
                computed=None if cost is None else as_amount(int(cost)),
                account_low=None if taken is None else as_amount(math.ceil(taken[0])),
                account_high=None if taken is None else as_amount(math.floor(taken[1])),
                lacks=_lacking(table, amounts),
                verdict=verdict,
            )
        )
    return checks


def _taken_alone(model: str, stretches: Sequence[Observation]) -> tuple[Fraction, Fraction] | None:
    """The least and the most that was taken in a model's stretches; None where it has one with
    another model, or one with a bill that is unknown."""
    low = high = 0
    for each in stretches:
        models = {unit.model for unit in each.used}
        if model not in models:
            continue
        if len(models) > 1 or each.low is None:
            return None
        low, high = low + each.low, high + each.high
    return Fraction(low), Fraction(high)


def _cost(table: PriceTable, used: Mapping[Unit, int]) -> Fraction | None:
    """What it costs by a price list, in 10^-12; None where that lacks a price."""
    total = Fraction(0)
    for unit, amount in used.items():
        price = _price(table, unit)
        if price is None:
            return None
        total += Fraction(price) * 10**PRICE_PLACES * amount
    return total


def _lacking(table: PriceTable, used: Mapping[Unit, int]) -> list[str]:
    return sorted({unit.component for unit in used if _price(table, unit) is None})


def _price(table: PriceTable, unit: Unit) -> Decimal | None:
    """The price of a unit, for a million tokens or for one piece."""
    price = table.models.get(unit.model)
    if price is None:
        return None
    price = price.at(unit.band)
    name = unit.component
    if name == "image":
        return _per_image(price)
    own: Decimal | None = getattr(price, name)
    if own is not None or name not in INSTEAD:
        return own
    instead: Decimal | None = getattr(price, INSTEAD[name])
    return instead


def _per_image(price: Price) -> Decimal | None:
    """The price of one image of a size that no row tells; none of its own where its tokens have
    prices."""
    if not price.images:
        return None if price.input is None and price.output is None else Decimal(0)
    apart = set(price.images.values())
    return price.images.get("default") if len(apart) > 1 else apart.pop()


def _within(cost: Fraction, low: int | None, high: int) -> bool:
    return (low is None or low <= cost) and cost <= high


def _sum(amounts: Sequence[Fraction | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return as_amount(int(sum(known))) if len(known) == len(amounts) else None
