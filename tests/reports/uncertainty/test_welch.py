"""Welch's t: against a textbook's worth of arithmetic and a density added up, and by simulation."""

import math
from statistics import fmean, variance

import numpy as np
import pytest

from headrace.reports.uncertainty import Side, mean_of_few, welch

from .test_students_t import added_up

A = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6]
B = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0]


@pytest.mark.parametrize(("a", "b"), [(A, B), (A[:2], B[:2]), (B[:3], A[:5])])
def test_p_and_interval_are_those_of_the_density_added_up(a: list[float], b: list[float]) -> None:
    found = welch(Side(a), Side(b), level=0.95)
    part_a, part_b = variance(a) / len(a), variance(b) / len(b)
    t = (fmean(b) - fmean(a)) / math.sqrt(part_a + part_b)
    df = (part_a + part_b) ** 2 / (part_a**2 / (len(a) - 1) + part_b**2 / (len(b) - 1))
    assert (found.difference, found.df) == pytest.approx((fmean(b) - fmean(a), df))
    assert found.p == pytest.approx(1 - 2 * added_up(abs(t), df), abs=1e-9)
    reach = (found.high - found.low) / 2 / math.sqrt(part_a + part_b)
    assert 2 * added_up(reach, df) == pytest.approx(0.95, abs=1e-7)
    assert found.low + found.high == pytest.approx(2 * found.difference)


@pytest.mark.parametrize(("a", "b", "sign"), [([30.0], A, -1), (A, [30.0], 1)])
def test_a_single_run_is_a_new_one_of_the_other_side(
    a: list[float], b: list[float], sign: int
) -> None:
    """The prediction interval of the next observation: t of n - 1, and s sqrt(1 + 1/n)."""
    found = welch(Side(a), Side(b), level=0.95)
    error = math.sqrt(variance(A) * (1 + 1 / len(A)))
    assert found.difference == pytest.approx(sign * (30.0 - fmean(A)))
    assert 2 * added_up((found.high - found.low) / 2 / error, 9) == pytest.approx(0.95)


def test_runs_that_are_alike_by_luck_are_no_surer_than_what_each_is_made_of() -> None:
    found = welch(Side([1.0, 1.0], 0.1), Side([1.2, 1.2], 0.1), level=0.95)
    assert found.p == pytest.approx(1 - 2 * added_up(2.0, 2), abs=1e-9)
    assert found.low < 0 < found.high


def test_what_never_varies_differs_for_certain_or_not_at_all() -> None:
    assert welch(Side([2.0, 2.0]), Side([3.0, 3.0]), level=0.95)[:4] == (1.0, 1.0, 1.0, 0.0)
    assert welch(Side([2.0, 2.0]), Side([2.0, 2.0]), level=0.95)[:4] == (0.0, 0.0, 0.0, 1.0)


def test_the_interval_of_a_mean_is_students() -> None:
    low, high = mean_of_few(Side(B), level=0.95)
    reach = (high - low) / 2 / math.sqrt(variance(B) / len(B))
    assert 2 * added_up(reach, len(B) - 1) == pytest.approx(0.95, abs=1e-7)
    assert mean_of_few(Side([1.0]), level=0.95) == (-math.inf, math.inf)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [2, 3, 5, 10])
def test_equal_services_differ_in_at_most_5_of_100_comparisons(runs: int) -> None:
    """p95s of 100 skewed times, in runs that differ by 10 %; 250 comparisons: 5 % and two standard
    errors of chance. `make repeats` makes thousands, of all figures."""
    rng = np.random.default_rng(runs)
    wrong = 0
    for _ in range(250):
        hours = np.exp(rng.normal(0, 0.1, (2, runs, 1)))
        times = np.exp(rng.normal(0, 0.6, (2, runs, 100))) * hours
        a, b = np.quantile(times, 0.95, axis=2).tolist()
        found = welch(Side(a), Side(b), level=0.95)
        wrong += found.p < 0.05
    assert wrong <= 250 * 0.05 + 2 * math.sqrt(250 * 0.05 * 0.95)
