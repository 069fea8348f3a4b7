"""Intervals of shares: E. Wilson's score interval, Journal of the American Statistical Association
22(158), 1927. It holds where nothing, or everything, is so."""

import math
from statistics import NormalDist
from typing import NamedTuple


class Ends(NamedTuple):
    """Where an interval begins and ends; an infinite end says that there are too few values."""

    low: float
    high: float


EVERYWHERE = Ends(-math.inf, math.inf)


def z_of(level: float) -> float:
    """The normal distribution's point for a two-sided interval of this level: 1.96 of 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(share: float, count: float, level: float) -> Ends:
    """The score interval of a share.

    Args:
        share: how many of them, from 0 to 1.
        count: of how many, above 0; with clusters, how many independent ones they are worth.
        level: the confidence, such as 0.95.
    """
    z = z_of(level)
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    low, high = (middle - reach) / whole, (middle + reach) / whole
    # Rounding may leave the end of a share of 0 or 1 a hair beside it.
    return Ends(max(0.0, min(share, low)), min(1.0, max(share, high)))
