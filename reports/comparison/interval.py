"""Intervals for differences between two runs: how far chance alone may have moved them.

Means and percentiles: the bootstrap's percentile interval (B. Efron, R. Tibshirani, "An
Introduction to the Bootstrap", 1993, chapter 13); of large runs m rows out of n are drawn, and the
spread is scaled by sqrt(m / n) (P. Bickel, F. Götze, W. van Zwet, Statistica Sinica 7, 1997).
Shares: R. Newcombe's score intervals, method 10 of each of his two papers in Statistics in Medicine
17, 1998 (pp. 873 and 2635), which hold where nothing, or everything, failed.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..uncertainty import difference_ends, t_quantile, t_tail, wilson

Values = npt.NDArray[np.float64]

RESAMPLES = 1_000
DRAWN_MAX = 5_000
CHUNK_VALUES = 1_000_000
LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)


class Interval(NamedTuple):
    """Where a difference lies with 95 % confidence, and how likely chance alone makes one as large
    (two-sided, by the normal distribution with the interval's standard error)."""

    low: float
    high: float
    p: float


class Pairs(NamedTuple):
    """Counts of pairs by what was true of each: of both, of A alone, of B alone, of neither."""

    both: int
    a_only: int
    b_only: int
    neither: int


def statistics(values: Values, shares: Sequence[float]) -> Values:
    """The mean, then each quantile, over the last axis; the figures are in the first."""
    mean = values.mean(axis=-1)[np.newaxis]
    return np.concatenate([mean, np.quantile(values, shares, axis=-1)]) if len(shares) else mean


def difference_intervals(
    a: Values,
    b: Values,
    shares: Sequence[float],
    *,
    paired: bool,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[Interval]:
    """Intervals of B - A for the mean and then for each quantile.

    `paired`: the arrays are of one length, and a row is drawn from both or from neither. Neither
    may be empty.
    """
    drawn_a, drawn_b = min(len(a), DRAWN_MAX), min(len(b), DRAWN_MAX)
    chunk = max(1, CHUNK_VALUES // max(drawn_a, drawn_b))
    found = []
    for begin in range(0, resamples, chunk):
        count = min(chunk, resamples - begin)
        rows_a = rng.integers(len(a), size=(count, drawn_a), dtype=np.int32)
        rows_b = rows_a
        if not paired:
            rows_b = rng.integers(len(b), size=(count, drawn_b), dtype=np.int32)
        found.append((statistics(a[rows_a], shares), statistics(b[rows_b], shares)))
    of_a = np.concatenate([each for each, _ in found], axis=1)
    of_b = np.concatenate([each for _, each in found], axis=1)
    point_a, point_b = statistics(a, shares), statistics(b, shares)
    # Each side's spread by its own share of rows; in pairs the two are the same.
    scale_a, scale_b = math.sqrt(drawn_a / len(a)), math.sqrt(drawn_b / len(b))
    spread = (of_b - point_b[:, np.newaxis]) * scale_b - (of_a - point_a[:, np.newaxis]) * scale_a
    found_all = [
        _interval(float(point), deviations)
        for point, deviations in zip(point_b - point_a, spread, strict=True)
    ]
    return [_no_narrower_than_t(found_all[0], a, b, paired=paired), *found_all[1:]]


def _no_narrower_than_t(found: Interval, a: Values, b: Values, *, paired: bool) -> Interval:
    """The interval of a mean, widened to Student's: of few values the bootstrap's is too narrow (T.
    Hesterberg, The American Statistician 69(4), 2015, section 4.3)."""
    count = min(len(a), len(b))
    if count < 2:
        return found
    error = difference_error(a, b, paired=paired)
    if not error:
        return found
    point = float(b.mean() - a.mean())
    reach = t_quantile(0.5 + LEVEL / 2, count - 1) * error
    p = 2 * t_tail(abs(point) / error, count - 1)
    return Interval(min(found.low, point - reach), max(found.high, point + reach), p)


def difference_error(a: Values, b: Values, *, paired: bool) -> float:
    """The standard error of the mean of B - A, of at least two values a side; in pairs the arrays
    are of one length."""
    if paired:
        return float((b - a).std(ddof=1)) / math.sqrt(len(a))
    return math.sqrt(float(a.var(ddof=1)) / len(a) + float(b.var(ddof=1)) / len(b))


def _interval(point: float, deviations: Values) -> Interval:
    low, high = np.quantile(deviations, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(
        point + float(low), point + float(high), p_value(point, float(deviations.std()))
    )


def p_value(difference: float, standard_error: float) -> float:
    """Two-sided, by the normal distribution."""
    if standard_error == 0:
        return 1.0 if difference == 0 else 0.0
    return 2 * NormalDist().cdf(-abs(difference) / standard_error)


def share_interval(a: tuple[int, int], b: tuple[int, int], *, phi: float = 0.0) -> Interval:
    """Interval of the share in B minus the share in A, each as (how many, of how many).

    `phi` is the correlation within pairs, and 0 of two samples.
    """
    share_a, share_b = a[0] / a[1], b[0] / b[1]
    of_a, of_b = wilson(share_a, a[1], LEVEL), wilson(share_b, b[1], LEVEL)
    low, high = difference_ends((of_b, share_b), (of_a, share_a), phi)
    return Interval(low, high, p_value(share_b - share_a, (high - low) / (2 * Z)))


def paired_share_interval(pairs: Pairs) -> Interval:
    """Interval of the share in B minus the share in A, over pairs."""
    n = sum(pairs)
    in_a, in_b = pairs.both + pairs.a_only, pairs.both + pairs.b_only
    product = float(pairs.both * pairs.neither - pairs.a_only * pairs.b_only)
    if product > 0:
        product = max(0.0, product - n / 2)  # Newcombe's continuity correction of phi
    margins = in_a * (n - in_a) * in_b * (n - in_b)
    phi = product / math.sqrt(margins) if margins else 0.0
    return share_interval((in_a, n), (in_b, n), phi=phi)
