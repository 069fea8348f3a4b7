"""Differences: published examples, the paired t interval, and how often they hold the truth."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from headrace.reports.uncertainty.clustered import clustered
from headrace.reports.uncertainty.difference import correlation, difference_ends
from headrace.reports.uncertainty.estimate import Estimate, mean_estimate, quantile_estimate
from headrace.reports.uncertainty.shares import Ends, wilson

Draws = npt.NDArray[np.floating]
Pair = tuple[Estimate, Estimate]


def of(values: Draws | list[float], first: int = 0) -> Estimate:
    keys = pl.Series(range(first, first + len(values)), dtype=pl.Int64)
    return mean_estimate(clustered(pl.Series(values), keys))


def pairs(count: int) -> pl.DataFrame:
    return pl.DataFrame({"one": range(count), "other": range(count)})


def ends(one: Estimate, other: Estimate, same: pl.DataFrame | None) -> Ends:
    return difference_ends(
        (one.ends(0.95, 1), one.value),
        (other.ends(0.95, 1), other.value),
        correlation(one, other, same),
    )


def test_shares_have_newcombes_interval() -> None:
    """Statistics in Medicine 17, 1998, p. 873, table II, and p. 2635: both by method 10."""
    apart = difference_ends((wilson(0.8, 70, 0.95), 0.8), (wilson(0.6, 80, 0.95), 0.6))
    assert apart == pytest.approx((0.0524, 0.3339), abs=5e-5)
    a = [1.0] * 38 + [0.0] * 12
    b = [1.0] * 36 + [0.0] * 2 + [1.0] * 12
    assert ends(of(b), of(a), pairs(50)) == pytest.approx((0.0569, 0.3404), abs=5e-5)


def test_means_in_pairs_have_the_paired_t_interval() -> None:
    """Values without skewness, so that each side's interval is its t interval."""
    steps = np.array([-3, -2, -1, 0, 0, 1, 2, 3.0])
    a = 50 + steps
    b = a + np.array([1, 2, 1, 3, 0, 1, 3, 1.0])[::1]
    b = b - b.mean() + 52 + 0.0
    one, other = of(b), of(a)
    found = ends(one, other, pairs(8))
    differences = b - a
    half = 2.364624 * differences.std(ddof=1) / math.sqrt(8)
    middle = differences.mean()
    # The skewness of b is not quite nothing.
    assert found == pytest.approx((middle - half, middle + half), rel=0.02)


def test_what_one_run_alone_has_weakens_the_pairing() -> None:
    values = np.arange(40.0)
    whole = correlation(of(values), of(values), pairs(40))
    half = correlation(of(values), of(values), pairs(20))
    assert whole == pytest.approx(1.0)
    assert half == pytest.approx(0.5)
    assert correlation(of(values), of(values), None) == 0.0
    assert correlation(of(values), of(values, first=1_000), pairs(40)) == 0.0


def test_an_end_that_is_not_known_leaves_the_difference_open() -> None:
    found = difference_ends((Ends(1, math.inf), 2), (Ends(-math.inf, 1.5), 1))
    assert found.high == math.inf
    assert found.low == pytest.approx(1 - math.hypot(1, 0.5))


def covered(make: Callable[[np.random.Generator], Pair], truth: float, *, paired: bool) -> float:
    rng = np.random.default_rng(1_998)
    found, times = 0, 800
    for _ in range(times):
        one, other = make(rng)
        low, high = ends(one, other, pairs(one.clusters) if paired else None)
        found += low <= truth <= high
    return found / times


def answers(rng: np.random.Generator) -> Pair:
    """120 questions, right with 70 % and then 60 %, most of them the same both times."""
    ease = rng.beta(1.4, 0.6, size=120)
    first = rng.random(120) < ease
    second = rng.random(120) < ease * 6 / 7
    return of(second * 1.0), of(first * 1.0)


def times(rng: np.random.Generator) -> Pair:
    common = rng.exponential(size=40)
    return of(2 + common + rng.exponential(size=40)), of(1 + common)


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
def test_differences_are_covered_by_at_least_93_percent(*, paired: bool) -> None:
    assert covered(answers, -0.1, paired=paired) >= 0.93
    assert covered(times, 2.0, paired=paired) >= 0.93


@pytest.mark.slow
def test_differences_of_medians_in_pairs_are_covered_by_at_least_93_percent() -> None:
    """B is 1.2 times A in each pair, and the two medians rise and fall together."""

    def make(rng: np.random.Generator) -> Pair:
        a = rng.exponential(size=100)
        keys = pl.Series(range(100), dtype=pl.Int64)
        b = 1.2 * a + rng.normal(0, 0.05, size=100)
        return tuple(quantile_estimate(clustered(pl.Series(x), keys), 0.5) for x in (b, a))  # type: ignore[return-value]

    rng = np.random.default_rng(3)
    many = rng.exponential(size=400_000)
    truth = float(np.median(1.2 * many + rng.normal(0, 0.05, size=400_000)) - math.log(2))
    assert covered(make, truth, paired=True) >= 0.93
