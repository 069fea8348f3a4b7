"""Prices that explain what an account took, and how much of each the figures leave open."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from .checked import unchecked
from .observed import AMOUNT_PLACES, Observation, Observed, Unit, shown_unit, smallest
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

    @property
    def roundest(self) -> int | None:
        """The possible value of the fewest decimals; None where several have as few, and where
        nothing says that it isn't free: 0 is the roundest of all."""
        if self.low == 0 < self.high:
            return None
        for decimals in range(7):
            step = 10 ** (6 - decimals)
            least = -(-self.low // step) * step
            if least <= self.high:
                return least if least + step > self.high else None
        return None


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
        rounded: units of which one does only where each charge is rounded by itself.
        unchecked: prices that are told and rest on a single stretch: had something else been billed
            in that, no other one would contradict.
    """

    prices: dict[Unit, PriceRange]
    together: list[list[Unit]]
    changes: list["Change"]
    odd: list[Observation]
    unexplained: list[Unit]
    rounded: list[Unit]
    unchecked: list[Unit]


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
    whole = _nothing([])
    for part in _independent(observed.observations):
        found = _fit_part(part, shown_unit(observed.decimals))
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


def _nothing(units: Sequence[Unit]) -> Fit:
    """That nothing explains what was taken for `units`."""
    return Fit({}, [], [], [], [*units], [], [])


def _fit_part(observations: list[Observation], unit: int) -> Fit:
    """Prices that explain all; or all but what doesn't go with the rest; or that changed; or where
    each charge is rounded. Beside a contradiction only what is checked is told."""
    units = sorted({unit for each in observations for unit in each.used})
    prices, conflicts = explained(units, observations)
    if not conflicts and not (whole := _ranges(units, observations, prices)).unexplained:
        return whole
    found = None
    if conflicts:
        found = _fit_without_odd(units, observations, conflicts)
        found = found or _fit_changed(units, observations, conflicts)
    return found or _fit_rounded(units, observations, unit) or _nothing(units)


def _fit_without_odd(
    units: Sequence[Unit], observations: list[Observation], conflicts: list[Observation]
) -> Fit | None:
    """Where few observations don't go with the others."""
    strange = smallest(conflicts)
    if len(strange) > max(1, ODD_SHARE * len(smallest(observations))):
        return None
    # From the end on it must be the same one: else it may be the others that are right. So the last
    # one, which nothing contradicts then, is never odd.
    latest = sorted(observations, key=lambda each: each.began, reverse=True)
    again = smallest(explained(units, latest)[1])
    if sorted(again, key=lambda each: (each.ended, each.began)) != strange:
        return None
    found = _fitted([each for each in observations if each not in conflicts])
    return None if found.unchecked or found.unexplained else found._replace(odd=strange)


def _fit_rounded(
    units: Sequence[Unit], observations: Sequence[Observation], unit: int
) -> Fit | None:
    """Where each charge may be rounded by itself, to as many decimals as the account has shown."""
    grain = math.gcd(*(each.high - unit for each in observations), 10**AMOUNT_PLACES)
    grain = 10 ** (len(str(grain)) - 1) if grain else 1
    while any((each.high - unit) % grain for each in observations):
        grain //= 10
    if grain == 1:
        return None
    wider = []
    for each in observations:
        off = (each.billed + (1 if unit else 0)) * grain
        low = None if each.low is None else each.low + unit - off
        wider.append(each._replace(low=low, high=each.high - unit + off))
    prices, conflicts = explained(units, wider)
    if conflicts:
        return None
    return _ranges(units, wider, prices)._replace(rounded=[*units], unchecked=[])


def _fit_changed(
    units: list[Unit], observations: list[Observation], conflicts: list[Observation]
) -> Fit | None:
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
        return None
    earlier = [each for each in observations if each.ended <= min(until, since)]
    later = [each for each in observations if each.began >= max(until, since)]
    neither = [each for each in observations if each.began >= until and each.ended <= since]
    # They may have changed within one interval, and in several they would have changed twice.
    if not earlier or not later or len(smallest(neither)) > 1:
        return None
    # Where one list explains both sides, what lies between them is odd, and nothing changed.
    if not explained(units, [*earlier, *later])[1]:
        return None
    before, now = _fitted(earlier), _fitted(later)
    # As few stretches as prices always go together: that proves no change between them.
    if not _has_checks(earlier) or not _has_checks(later):
        return None
    period = Period(
        min(each.began for each in earlier),
        max(each.ended for each in earlier),
        before.prices,
        len(smallest(earlier)),
    )
    change = Change(period.ended, min(each.began for each in later), period)
    return _without(now, now.unchecked)._replace(changes=[change])


def _has_checks(observations: Sequence[Observation]) -> bool:
    """Whether some price would still be determined, were any one stretch left out."""
    units = sorted({unit for each in observations for unit in each.used})
    return len(_unchecked(units, observations)) < len(units)


def _unchecked(units: Sequence[Unit], observations: Sequence[Observation]) -> list[Unit]:
    rows = [factors(units, each.used) for each in smallest(observations) if each.low is not None]
    return [units[number] for number in unchecked(rows, len(units))]


def _without(fit: Fit, units: Sequence[Unit]) -> Fit:
    """The same, with nothing said of `units`."""
    kept = {unit: found for unit, found in fit.prices.items() if unit not in units}
    return fit._replace(prices=kept, unchecked=[], unexplained=sorted({*fit.unexplained, *units}))


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
        return _nothing(units)
    resting = [unit for unit in _unchecked(units, observations) if ranges[unit].told is not None]
    return Fit(ranges, _together(units, observations), [], [], [], [], resting)


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
