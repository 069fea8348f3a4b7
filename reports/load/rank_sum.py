"""The rank-sum test: whether values of one kind tend to be above those of another (H. Mann, D.
Whitney, Annals of Mathematical Statistics 18(1), 1947)."""

import math

import numpy as np
import polars as pl

from .intervals import Floats


def rank_sum_z(some: Floats, others: Floats, *, inflation: float = 1.0) -> float:
    """The test's z, positive where the first values are above the second.

    Args:
        some: the first values, at least one.
        others: the second, at least one.
        inflation: how many times as much sums of these values vary as independent ones.
    """
    n, m = len(some), len(others)
    ranks = pl.Series(np.concatenate((some, others))).rank("average").to_numpy()
    variance = n * m * (n + m + 1) / 12 * inflation
    return float(ranks[:n].sum() - n * (n + m + 1) / 2) / math.sqrt(variance)
