"""Intervals: published examples, and how often they cover what is true."""

from random import Random

import numpy as np
import pytest

from headrace.reports.comparison.interval import (
    DRAWN_MAX,
    Pairs,
    difference_intervals,
    p_value,
    paired_share_interval,
    share_interval,
)

SHARES = [0.5, 0.9]


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        # R. Newcombe, Statistics in Medicine 17, 1998, p. 873, table II, method 10.
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((0, 20), (10, 10), 0.6791, 1.0),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_shares_of_two_samples_have_the_published_interval(
    a: tuple[int, int], b: tuple[int, int], low: float, high: float
) -> None:
    found = share_interval(a, b)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("pairs", "low", "high"),
    [
        # The same, p. 2635, method 10.
        (Pairs(36, 2, 12, 0), 0.0569, 0.3404),
        (Pairs(1, 1, 97, 1), 0.8737, 0.9850),
    ],
)
def test_shares_in_pairs_have_the_published_interval(pairs: Pairs, low: float, high: float) -> None:
    found = paired_share_interval(pairs)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.slow
@pytest.mark.parametrize("paired", [False, True])
def test_intervals_cover_the_truth_as_often_as_they_say(*, paired: bool) -> None:
    """A is exponential of mean 1 and B 1.2 times that, so each figure of B is 1.2 times A's.

    Of 300 drawings 95 % should hold the truth: 91 % and 98.8 % are three standard errors off.
    """
    draws, hits = np.random.default_rng(7), np.zeros(2)
    truth = 0.2 * np.array([1.0, -np.log(0.5)])  # mean, median
    for _ in range(300):
        a = draws.exponential(size=150)
        b = 1.2 * (a if paired else draws.exponential(size=150))
        found = difference_intervals(a, b, [0.5], paired=paired, rng=draws, resamples=300)
        hits += [each.low <= true <= each.high for each, true in zip(found, truth, strict=True)]
    assert 0.91 <= min(hits / 300) <= max(hits / 300) <= 0.988


def test_pairs_tell_more_than_two_samples() -> None:
    draws = np.random.default_rng(3)
    a = draws.exponential(size=300)
    b = a + draws.normal(0.05, 0.01, size=300)
    (in_pairs,) = difference_intervals(a, b, [], paired=True, rng=draws)
    (apart,) = difference_intervals(a, b, [], paired=False, rng=draws)
    assert in_pairs.low > 0
    assert in_pairs.p < 1e-6
    assert apart.low < 0
    assert apart.p > 0.05


def test_of_large_runs_part_is_drawn_and_the_spread_is_that_of_all() -> None:
    """The mean of n values has a standard error of sd / sqrt(n), whatever was drawn."""
    draws = np.random.default_rng(5)
    n = 20 * DRAWN_MAX
    a, b = draws.normal(size=n), draws.normal(size=n)
    (found,) = difference_intervals(a, b, [], paired=False, rng=draws)
    width = 2 * 1.96 * (2 / n) ** 0.5
    assert found.high - found.low == pytest.approx(width, rel=0.1)


def test_the_same_seed_gives_the_same_interval() -> None:
    a, b = (np.array([Random(seed).random() for seed in range(k, k + 50)]) for k in (0, 50))
    one, other = (
        difference_intervals(a, b, SHARES, paired=False, rng=np.random.default_rng(1))
        for _ in range(2)
    )
    assert one == other


def test_what_does_not_vary_is_certain() -> None:
    ones = np.ones(30)
    (same,) = difference_intervals(ones, ones, [], paired=True, rng=np.random.default_rng(1))
    assert same == (0.0, 0.0, 1.0)
    (more,) = difference_intervals(ones, ones + 1, [], paired=True, rng=np.random.default_rng(1))
    assert more == (1.0, 1.0, 0.0)


def test_p_values_are_two_sided() -> None:
    assert p_value(1.959964, 1.0) == pytest.approx(0.05, abs=1e-6)
    assert p_value(-1.959964, 1.0) == pytest.approx(0.05, abs=1e-6)
