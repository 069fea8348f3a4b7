"""What an account can have taken for each model."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from ..run import Run
from .fit import explained, factors
from .observed import Observation, Unit, as_amount, observe, smallest

Used = Mapping[Unit, int]


def taken_by_model(run: Run) -> dict[str, tuple[Decimal, Decimal]]:
    """The least and the most that was taken for each model of a run; empty where no one price list
    explains what was, or something was sent whose bill is unknown."""
    observations = observe([run]).observations
    stretches = smallest(observations)
    if any(each.low is None for each in stretches):
        return {}
    found = taken_ranges(observations, used_by_model(stretches))
    return {
        model: (as_amount(math.ceil(least)), as_amount(math.floor(most)))
        for model, (least, most) in found.items()
    }


def used_by_model(stretches: Sequence[Observation]) -> dict[str, Used]:
    """What each model used, added up."""
    used: dict[str, dict[Unit, int]] = defaultdict(lambda: defaultdict(int))
    for each in stretches:
        for unit, amount in each.used.items():
            used[unit.model][unit] += amount
    return {**used}


def taken_ranges(
    observations: Sequence[Observation], used: Mapping[str, Used]
) -> dict[str, tuple[Fraction, Fraction]]:
    """The least and the most that can have been taken for what each model used, in 10^-12; empty
    where no one price list explains what was observed."""
    units = sorted({unit for each in observations for unit in each.used})
    prices, conflicts = explained(units, observations)
    if conflicts:
        return {}
    found = {}
    for model, amounts in used.items():
        least, most = prices.range(factors(units, amounts))
        assert most is not None  # whatever was used is bounded by what was taken
        found[model] = least, most
    return found
