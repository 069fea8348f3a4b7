"""Intervals of percentiles: against published tables, and by how often they hold the truth."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.reports.load.intervals import Ranks, grouped_ranks, order_ranks
from headrace.reports.load.percentiles import spread_of


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Ranks from 1 for the median, from published tables of the sign test's interval.
    [(6, 1, 6), (10, 2, 9), (20, 6, 15), (30, 10, 21), (50, 18, 33), (100, 40, 61)],
)
def test_the_ranks_of_a_median_are_those_of_the_tables(count: int, low: int, high: int) -> None:
    assert order_ranks(count, 0.5) == Ranks(low - 1, high - 1)


@given(st.integers(1, 60), st.sampled_from((Fraction(1, 2), Fraction(9, 10), Fraction(99, 100))))
@example(1, Fraction(1, 2))
@example(60, Fraction(1, 2))
def test_no_end_is_missed_by_more_than_two_and_a_half_percent(count: int, share: Fraction) -> None:
    """The binomial, summed up exactly, says how probable each end is, and that none is closer."""

    def at_most(successes: int) -> Fraction:
        return sum(
            (
                math.comb(count, k) * share**k * (1 - share) ** (count - k)
                for k in range(successes + 1)
            ),
            Fraction(0),
        )

    tail = Fraction(1, 40)
    low, high = order_ranks(count, float(share))
    if low is None:
        assert at_most(0) > tail
    else:
        assert at_most(low) <= tail < at_most(low + 1)
    if high is None:
        assert at_most(count - 1) < 1 - tail
    else:
        assert at_most(high - 1) < 1 - tail <= at_most(high)


def test_too_few_values_leave_an_end_open() -> None:
    assert order_ranks(5, 0.5) == Ranks(None, None)
    assert order_ranks(100, 0.99).high is None
    # 0.99 ** 368 is the first power below 2.5 %.
    assert order_ranks(367, 0.99).high is None
    assert order_ranks(368, 0.99).high == 367


def test_a_million_values_are_no_trouble() -> None:
    low, high = order_ranks(1_000_000, 0.99)
    assert low is not None
    assert high is not None
    # The normal approximation: 1.96 * sqrt(1e6 * 0.99 * 0.01) = 195.0 on either side.
    assert abs((990_000 - low) - 195) < 3
    assert abs((high - 990_000) - 195) < 3


@pytest.mark.slow
def test_the_interval_of_a_percentile_holds_the_truth_19_times_in_20() -> None:
    rng = np.random.default_rng(1)
    truth = -math.log(1 - 0.95)  # of an exponential distribution of mean 1
    missed = 0
    for _ in range(1000):
        spread = spread_of("x", rng.exponential(size=200))
        assert spread is not None
        each = spread.percentile("p95")
        assert each.low is not None
        assert each.high is not None
        missed += not each.low <= truth <= each.high
    # At most 5 %, give or take four standard errors; ranks are whole, so it may be less.
    assert 0.005 < missed / 1000 < 0.08


def test_values_in_groups_get_a_wider_interval_that_holds_the_truth() -> None:
    """Streams of 50 gaps around a mean of their own: 40 streams tell little more than 40 values."""
    rng = np.random.default_rng(2)
    lengths = np.full(40, 50)
    missed = alone = 0
    for _ in range(200):
        means = np.repeat(rng.normal(size=40), lengths)
        values = means + 0.1 * rng.normal(size=2000)
        grouped = spread_of("x", values, lengths=lengths)
        independent = spread_of("x", values)
        assert grouped is not None
        assert independent is not None
        for spread in (grouped, independent):
            each = spread.percentile("p50")
            assert each.low is not None
            assert each.high is not None
            if not each.low <= 0 <= each.high:
                missed += spread is grouped
                alone += spread is independent
    assert missed / 200 < 0.1
    assert alone / 200 > 0.5


def test_one_group_tells_nothing_of_the_spread_between_groups() -> None:
    ranks = grouped_ranks(np.arange(9.0), np.array([9]), share=0.5, at=4.0)
    assert ranks == Ranks(None, None)


def test_the_ends_are_values_of_the_sample() -> None:
    spread = spread_of("x", np.arange(100.0, 0.0, -1.0))
    assert spread is not None
    half = spread.percentile("p50")
    assert (half.value, half.low, half.high) == (50.5, 40.0, 61.0)
    assert spread.percentile("p99.9").high is None
    assert spread_of("x", np.empty(0)) is None
