"""The difference of two means of few values whose spreads may differ: B. Welch, Biometrika 34(1-2),
1947, with the degrees of freedom of F. Satterthwaite, Biometrics Bulletin 2(6), 1946."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .shares import EVERYWHERE, Ends
from .students_t import t_quantile, t_tail


class Welch(NamedTuple):
    """B - A, where it lies, how likely chance alone makes as much (two-sided), and the degrees of
    freedom; infinitely many where neither side varies."""

    difference: float
    low: float
    high: float
    p: float
    df: float


class Side(NamedTuple):
    """The values of one side, and a standard error that each of them has at least; 0 is none.

    Two values may be alike by luck, but are not surer than what each of them is made of.
    """

    values: Sequence[float]
    least_error: float = 0.0

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / len(self.values)

    @property
    def variance(self) -> float:
        """Of one value; there have to be two."""
        return max(float(np.var(self.values, ddof=1)), self.least_error**2)


def welch(a: Side, b: Side, *, level: float) -> Welch:
    """Welch's t test and interval of B - A.

    A side of a single value is taken to vary as the other does (then it is the pooled t of a new
    observation: as many degrees of freedom as the other side has). One side has to have two.

    Args:
        a: the values that are compared with.
        b: those of which is said that they are higher or lower.
        level: the confidence of the interval, such as 0.95.
    """
    difference = b.mean - a.mean
    count_a, count_b = len(a.values), len(b.values)
    if min(count_a, count_b) == 1:
        several = max(a, b, key=lambda side: len(side.values))
        df: float = len(several.values) - 1
        error = math.sqrt(several.variance * (1 + 1 / len(several.values)))
    else:
        part_a, part_b = a.variance / count_a, b.variance / count_b
        error = math.sqrt(part_a + part_b)
        apart = part_a**2 / (count_a - 1) + part_b**2 / (count_b - 1)
        df = (part_a + part_b) ** 2 / apart if apart else math.inf
    if not error:
        return Welch(difference, difference, difference, float(not difference), math.inf)
    reach = t_quantile(0.5 + level / 2, df) * error
    p = 2 * t_tail(abs(difference) / error, df)
    return Welch(difference, difference - reach, difference + reach, p, df)


def mean_of_few(side: Side, *, level: float) -> Ends:
    """Student's t interval of a mean; of a single value nothing bounds it."""
    if len(side.values) < 2:
        return EVERYWHERE
    error = math.sqrt(side.variance / len(side.values))
    reach = t_quantile(0.5 + level / 2, len(side.values) - 1) * error
    return Ends(side.mean - reach, side.mean + reach)
