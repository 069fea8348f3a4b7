"""The difference of two figures that have intervals of their own.

Its ends are those of each figure, put together as R. Newcombe's method 10 does for shares
(Statistics in Medicine 17, 1998, pp. 873 and 2635); G. Zou and A. Donner (the same, 27, 2008) show
that it holds for any figures, and G. Zou ("Toward using confidence intervals to compare
correlations", Psychological Methods 12, 2007) with a correlation between the two. Of means of equal
clusters in pairs it is the paired t interval.
"""

import math

import numpy as np
import polars as pl

from .estimate import Estimate
from .shares import Ends


def difference_ends(
    one: tuple[Ends, float], other: tuple[Ends, float], correlation: float = 0.0
) -> Ends:
    """The interval of one figure minus another, each its interval and its value.

    `correlation` is that of the two figures, as estimates.
    """
    (low_a, high_a), a = one
    (low_b, high_b), b = other
    below = _together(a - low_a, high_b - b, correlation)
    above = _together(high_a - a, b - low_b, correlation)
    return Ends(a - b - below, a - b + above)


def correlation(one: Estimate, other: Estimate, pairs: pl.DataFrame | None) -> float:
    """How two figures of two runs vary together through the clusters that both have.

    What is in one run alone varies alone: the more of it, the less the two go together.

    Args:
        one: the figure in one run.
        other: the figure in the other.
        pairs: the clusters that are the same, by their keys `one` and `other`; None are none.
    """
    if pairs is None or not len(pairs):
        return 0.0
    left = pl.DataFrame({"one": one.clustered.keys, "x": one.residuals})
    right = pl.DataFrame({"other": other.clustered.keys, "y": other.residuals})
    both = pairs.join(left, on="one").join(right, on="other")
    whole = math.sqrt(float(np.sum(one.residuals**2)) * float(np.sum(other.residuals**2)))
    if not len(both) or not whole:
        return 0.0
    product = float((both["x"] * both["y"]).sum())
    if one.binary and other.binary and product > 0:
        product = max(0.0, product - 0.5)  # Newcombe's continuity correction
    return max(-1.0, min(1.0, product / whole))


def _together(one: float, other: float, correlation: float) -> float:
    if math.isinf(one) or math.isinf(other):
        return math.inf
    return math.sqrt(max(0.0, one * one + other * other - 2 * correlation * one * other))
