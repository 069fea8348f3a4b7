"""Intervals of figures: against formulas written out, and how often they hold the truth."""

import math
from collections.abc import Callable
from statistics import mean, stdev

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from headrace.reports.uncertainty.clustered import Clustered, clustered
from headrace.reports.uncertainty.estimate import Estimate, mean_estimate, quantile_estimate
from headrace.reports.uncertainty.shares import Ends

Draws = npt.NDArray[np.floating]
Draw = Callable[[np.random.Generator, int], Draws]


def alone(values: list[float] | Draws) -> Clustered:
    return clustered(pl.Series(values), pl.Series(range(len(values))))


def in_clusters(rows: Draws) -> Clustered:
    """A row each a cluster."""
    keys = np.repeat(np.arange(len(rows)), rows.shape[1])
    return clustered(pl.Series(rows.ravel()), pl.Series(keys))


def test_of_right_and_wrong_it_is_wilsons() -> None:
    """5 of 100: from 2.15 % to 11.18 %, as published tables have it."""
    found = mean_estimate(alone([1.0] * 5 + [0.0] * 95))
    assert (found.value, found.clusters, found.binary) == (0.05, 100, True)
    assert found.ends(0.95, 1) == pytest.approx((0.02154, 0.11175), abs=5e-5)


def test_of_values_without_skewness_it_is_the_t_interval() -> None:
    values = [9.0, 11.0, 8.0, 12.0, 7.0, 13.0, 6.0, 14.0, 10.0]
    low, high = mean_estimate(alone(values)).ends(0.95, 1)
    half = 2.306004 * stdev(values) / math.sqrt(9)  # t of 8 degrees of freedom
    assert (low, high) == pytest.approx((10 - half, 10 + half), rel=1e-6)


def test_a_skewed_mean_may_lie_farther_on_its_long_side() -> None:
    """Hall's transformation solved by hand: g(T) = T + aT^2/3 + a^2T^3/27 + a/6."""
    values = [1.0, 1.2, 1.1, 1.4, 1.3, 1.2, 1.0, 1.5, 1.1, 6.0]
    low, high = mean_estimate(alone(values)).ends(0.95, 1)
    middle, error, t = mean(values), stdev(values) / math.sqrt(10), 2.262157
    assert low == pytest.approx(middle - t * error, rel=1e-6)
    skew = sum((each - middle) ** 3 for each in values) / 10
    a = skew / (sum((each - middle) ** 2 for each in values) / 10) ** 1.5 / math.sqrt(10)
    above = (middle - high) / error
    assert above < -t
    assert above + a * above**2 / 3 + a**2 * above**3 / 27 + a / 6 == pytest.approx(-t, rel=1e-6)


def test_samples_of_a_question_are_one_cluster() -> None:
    """Miller's clustered standard error, written out over all pairs of samples of a question."""
    rows = np.array([[1, 1, 1], [0, 0, 1], [0, 0, 0], [1, 0, 1], [1, 1, 0], [0, 1, 1.0]])
    found = mean_estimate(in_clusters(rows))
    middle = rows.mean()
    pairs = sum((x - middle) * (y - middle) for row in rows for x in row for y in row)
    error = math.sqrt(pairs * 6 / 5) / 18
    worth = middle * (1 - middle) / error**2 * (1.959964 / 2.570582) ** 2
    z2 = 1.959964**2
    centre = (middle + z2 / 2 / worth) / (1 + z2 / worth)
    half = math.sqrt(z2 * (middle * (1 - middle) / worth + z2 / 4 / worth**2)) / (1 + z2 / worth)
    assert (found.clusters, found.binary) == (6, False)
    assert found.ends(0.95, 1) == pytest.approx((centre - half, centre + half), rel=1e-5)


def test_questions_that_are_all_right_are_not_sure_to_be() -> None:
    found = mean_estimate(in_clusters(np.ones((20, 5))))
    assert found.ends(0.95, 1).low < 0.84
    assert found.ends(0.95, 1).high == 1.0


@pytest.mark.parametrize(("count", "bounded"), [(4, True), (7, False)])
def test_too_few_have_no_interval(count: int, *, bounded: bool) -> None:
    values = [0.1 * n if bounded else 10.0 * n for n in range(count)]
    assert mean_estimate(alone(values)).ends(0.95, 1) == (-math.inf, math.inf)
    more = [*values, 0.9]
    assert math.isfinite(mean_estimate(alone(more)).ends(0.95, 1).low)
    assert quantile_estimate(alone([1.0, 2, 3, 4]), 0.5).ends(0.5, 1) == (-math.inf, math.inf)


def test_more_of_the_same_narrows_it_and_a_lower_level_too() -> None:
    for values in ([0.0, 1.0] * 20, [0.25, 0.75, 0.5] * 10, [1.0, 5.0, 30.0] * 10):
        found = mean_estimate(alone(values))
        assert width(found.ends(0.95, 4)) == pytest.approx(width(found.ends(0.95, 1)) / 2, rel=0.1)
        assert width(found.ends(0.9, 1)) < width(found.ends(0.95, 1))
    middle = quantile_estimate(alone(np.arange(400) / 1.0), 0.5)
    assert width(middle.ends(0.95, 4)) == pytest.approx(width(middle.ends(0.95, 1)) / 2, rel=0.1)


def width(ends: Ends) -> float:
    return ends.high - ends.low


def hits(make: Callable[[np.random.Generator], Estimate], truth: float, times: int) -> float:
    rng = np.random.default_rng(20_261_129)
    found = 0
    for _ in range(times):
        low, high = make(rng).ends(0.95, 1)
        found += low <= truth <= high
    return found / times


SKEWED: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, n: rng.normal(100, 1, size=n), 100.0),
    "exponential": (lambda rng, n: 2 + rng.exponential(size=n), 3.0),
    "lognormal": (lambda rng, n: 2 + rng.lognormal(0, 0.5, size=n), 2 + math.exp(0.125)),
    "grades": (lambda rng, n: rng.beta(2, 1, size=n), 2 / 3),
    "two grades": (lambda rng, n: rng.choice([0.0, 0.5], size=n, p=[0.3, 0.7]), 0.35),
}


@pytest.mark.slow
@pytest.mark.parametrize("count", [8, 20, 60])
@pytest.mark.parametrize("name", SKEWED)
def test_a_mean_is_covered_by_at_least_93_percent(name: str, count: int) -> None:
    """Of 1,500 drawings; their standard error is 0.6 %."""
    draw, truth = SKEWED[name]
    assert hits(lambda rng: mean_estimate(alone(draw(rng, count))), truth, 1_500) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize(("questions", "share"), [(5, 0.7), (20, 0.7), (20, 0.9), (60, 0.95)])
def test_samples_in_clusters_are_covered_by_at_least_93_percent(
    questions: int, share: float
) -> None:
    """Five samples a question, some questions far easier than others (beta-binomial)."""

    def make(rng: np.random.Generator) -> Estimate:
        ease = rng.beta(2 * share, 2 * (1 - share), size=(questions, 1))
        return mean_estimate(in_clusters((rng.random((questions, 5)) < ease) * 1.0))

    assert hits(make, share, 1_500) >= 0.93


@pytest.mark.slow
def test_percentiles_are_covered_by_at_least_93_percent() -> None:
    """Alone, and in clusters of 8 that share most of their size, as the gaps of one stream do."""

    def in_streams(rng: np.random.Generator) -> Estimate:
        rows = rng.normal(size=(60, 1)) + 0.5 * rng.normal(size=(60, 8))
        return quantile_estimate(in_clusters(rows), 0.5)

    def single(rng: np.random.Generator) -> Estimate:
        return quantile_estimate(alone(rng.exponential(size=100)), 0.9)

    assert hits(single, -math.log(0.1), 1_000) >= 0.93
    assert hits(in_streams, 0.0, 1_000) >= 0.93
