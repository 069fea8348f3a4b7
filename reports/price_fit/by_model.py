"""What an account can have taken for each model of a run."""

import math
from collections import defaultdict
from decimal import Decimal

from ..run import Run
from .fit import explained, factors
from .observed import Unit, as_amount, observe, smallest


def taken_by_model(run: Run) -> dict[str, tuple[Decimal, Decimal]]:
    """The least and the most that was taken for each model; empty where no one price list explains
    what was, or something was sent whose bill is unknown."""
    observed = observe([run])
    stretches = smallest(observed.observations)
    if not stretches or any(each.low is None for each in stretches):
        return {}
    units = sorted({unit for each in stretches for unit in each.used})
    prices, conflicts = explained(units, observed.observations)
    if conflicts:
        return {}
    used: dict[str, dict[Unit, int]] = defaultdict(lambda: defaultdict(int))
    for each in stretches:
        for unit, amount in each.used.items():
            used[unit.model][unit] += amount
    found = {}
    for model, amounts in used.items():
        least, most = prices.range(factors(units, amounts))
        assert most is not None  # whatever was used is bounded by what was taken
        found[model] = as_amount(math.ceil(least)), as_amount(math.floor(most))
    return found
