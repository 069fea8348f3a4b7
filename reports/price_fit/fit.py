"""Prices that explain what an account took, and how much of each the figures leave open."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from .observed import Observation, Observed, Unit, smallest
from .polytope import Polytope

# Beyond this share of the observations that no price list explains, none is taken for one.
ODD_SHARE = 0.1


class PriceRange(NamedTuple):
    """What a price may be, in millionths: whole numbers, both ends included."""

    low: int
    high: int

    @property
    def told(self) -> int | None:
        """The one value of at most six decimals that is possible; None where there are several."""
        return self.low if self.low == self.high else None


class Period(NamedTuple):
    """Prices that held for a while: from the first of its observations to the end of the last."""

    began: datetime
    ended: datetime
    prices: dict[Unit, PriceRange]
    observations: int


class Fit(NamedTuple):
    """What the account's figures say about its prices.

    Args:
        prices: what each price may be now.
        together: prices that the data can't tell apart, in groups: they were always used in the
            same proportions.
        changes: prices that changed, with what held before each change.
        odd: observations that no price list explains beside the others: something else was billed.
        unexplained: units of which no one price list explains what was taken.
    """

    prices: dict[Unit, PriceRange]
    together: list[list[Unit]]
    changes: list["Change"]
    odd: list[Observation]
    unexplained: list[Unit]


class Change(NamedTuple):
    """Prices that held before, and other ones after, some moment between two."""

    after: datetime
    before: datetime
    earlier: Period


def fit_prices(observed: Observed) -> Fit:
    """Which prices of at most six decimals explain all of what was observed.

    Each price is exact where only one is possible, and a range that holds the truth elsewhere, as
    long as a million tokens of one kind cost the same throughout: bands of prices by the length of
    the input are not fitted.
    """
    whole = Fit({}, [], [], [], [])
    for part in _independent(observed.observations):
        found = _fit_part(part)
        for mine, theirs in zip(whole[1:], found[1:], strict=True):
            mine.extend(theirs)  # type: ignore[attr-defined]
        whole.prices.update(found.prices)
    return whole._replace(prices=dict(sorted(whole.prices.items())))


def _independent(observations: Sequence[Observation]) -> Iterator[list[Observation]]:
    """Observations in groups that share no price."""
    groups: list[tuple[set[Unit], list[Observation]]] = []
    for each in observations:
        if not each.used:
            continue
        touched = [group for group in groups if group[0] & each.used.keys()]
        units = set(each.used).union(*(group[0] for group in touched))
        members = [*(one for group in touched for one in group[1]), each]
        groups = [group for group in groups if group not in touched]
        groups.append((units, members))
    for _, members in groups:
        yield sorted(members, key=lambda each: (each.ended, each.began))


def _fit_part(observations: list[Observation]) -> Fit:
    units = sorted({unit for each in observations for unit in each.used})
    prices, conflicts = explained(units, observations)
    if not conflicts:
        return _ranges(units, observations, prices)
    strange = smallest(conflicts)
    until_the_end = len(strange) > 1 and all(
        each in conflicts for each in observations if each.began >= strange[0].began
    )
    if not until_the_end and len(strange) <= max(1, ODD_SHARE * len(smallest(observations))):
        rest = [each for each in observations if each not in conflicts]
        return _fitted(rest)._replace(odd=strange)
    return _fit_changed(units, observations, conflicts)


def _fit_changed(
    units: list[Unit], observations: list[Observation], conflicts: list[Observation]
) -> Fit:
    """Where no one price list will do: one until some moment and another one since.

    What goes with both lists proves neither, so it counts for none.
    """
    ended = sorted({each.ended for each in observations})
    first = min(each.ended for each in conflicts)
    latest = sorted(observations, key=lambda each: each.began, reverse=True)
    last = max((each.began for each in explained(units, latest)[1]), default=ended[0])
    until = max((moment for moment in ended if moment < first), default=None)
    since = min((each.began for each in observations if each.began > last), default=None)
    if until is None or since is None:
        return Fit({}, [], [], [], units)
    earlier = [each for each in observations if each.ended <= min(until, since)]
    later = [each for each in observations if each.began >= max(until, since)]
    neither = [each for each in observations if each.began >= until and each.ended <= since]
    # They may have changed within one interval, and in several they would have changed twice.
    if not earlier or not later or len(smallest(neither)) > 1:
        return Fit({}, [], [], [], units)
    before = _fitted(earlier)
    period = Period(
        min(each.began for each in earlier),
        max(each.ended for each in earlier),
        before.prices,
        len(smallest(earlier)),
    )
    change = Change(period.ended, min(each.began for each in later), period)
    return _fitted(later)._replace(changes=[change])


def explained(
    units: Sequence[Unit], observations: Sequence[Observation]
) -> tuple[Polytope, list[Observation]]:
    """The prices that explain what was observed, and the observations that none explain together
    with those before them."""
    prices, conflicts = Polytope(len(units)), list[Observation]()
    for each in observations:
        if not prices.add(factors(units, each.used), each.low, each.high):
            conflicts.append(each)
    return prices, conflicts


def factors(units: Sequence[Unit], used: Mapping[Unit, int]) -> list[int]:
    """What was used, in the order of `units`."""
    return [used.get(unit, 0) for unit in units]


def _fitted(observations: Sequence[Observation]) -> Fit:
    """The ranges of all prices, by observations that go together."""
    units = sorted({unit for each in observations for unit in each.used})
    return _ranges(units, observations, explained(units, observations)[0])


def _ranges(units: Sequence[Unit], observations: Sequence[Observation], prices: Polytope) -> Fit:
    """The range of each price among all that explain the observations."""
    ranges = dict.fromkeys(units, PriceRange(0, -1))
    told = 0
    while True:
        for unit in units:
            ranges[unit] = _whole(*prices.range(factors(units, {unit: 1})))
        fixed = [unit for unit in units if ranges[unit].told is not None]
        if len(fixed) == told:
            break
        told = len(fixed)  # what is known now may say more about the others
        for unit in fixed:
            value = ranges[unit].told
            prices.add(factors(units, {unit: 1}), value, value)
    if any(each.low > each.high for each in ranges.values()):
        return Fit({}, [], [], [], list(units))
    return Fit(ranges, _together(units, observations), [], [], [])


def _whole(low: Fraction, high: Fraction | None) -> PriceRange:
    assert high is not None  # whatever was used is bounded by what was taken
    return PriceRange(math.ceil(low), math.floor(high))


def _together(units: Sequence[Unit], observations: Sequence[Observation]) -> list[list[Unit]]:
    """The units that no observation tells apart: those of one vector in the kernel of what was
    used."""
    rows = [[Fraction(factor) for factor in factors(units, each.used)] for each in observations]
    leading: list[int] = []
    for column in range(len(units)):
        rank = len(leading)
        pivot = next((row for row in range(rank, len(rows)) if rows[row][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        rows[rank] = [value / rows[rank][column] for value in rows[rank]]
        for row, values in enumerate(rows):
            if row != rank and (share := values[column]):
                rows[row] = [
                    value - share * other for value, other in zip(values, rows[rank], strict=True)
                ]
        leading.append(column)
    groups: list[set[int]] = []
    for free in range(len(units)):
        if free in leading:
            continue
        group = {free, *(lead for row, lead in enumerate(leading) if rows[row][free])}
        joined = [each for each in groups if each & group]
        groups = [each for each in groups if not each & group]
        groups.append(group.union(*joined))
    return [[units[number] for number in sorted(group)] for group in groups]
