"""How far runs of one kind differ in a figure, beside what chance within them explains."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..uncertainty import Side
from .run_figures import RunFigure


class SpreadBetween(NamedTuple):
    """One figure over runs: its value in each, the standard deviation `between` them (None of one
    run), and their mean standard error `within` (root mean square; None where it is not known)."""

    side: Side
    between: float | None
    within: float | None


def spread_between(figures: Sequence[RunFigure]) -> SpreadBetween:
    """The spread of one figure over runs, of which there is at least one.

    The side's least error is `within`, or where that is not known the least that it can be: counts
    of a few runs may be alike, and are not exact for that.
    """
    values = [each.value for each in figures]
    errors = [each.within for each in figures if each.within is not None]
    within = None
    if len(errors) == len(figures):
        within = math.sqrt(math.fsum(each**2 for each in errors) / len(errors))
    between = float(np.std(values, ddof=1)) if len(values) > 1 else None
    least = math.sqrt(math.fsum(each.least**2 for each in figures) / len(figures))
    return SpreadBetween(Side(values, max(within or 0.0, least)), between, within)
