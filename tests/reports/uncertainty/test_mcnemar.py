"""McNemar's exact test and what it could have shown, against counting and simulation."""

from math import comb

import numpy as np
import pytest

from headrace.reports.uncertainty.mcnemar import (
    fewest_changes,
    mcnemar_p,
    smallest_mean_difference,
    smallest_share_difference,
)


def counted_out(lost: int, gained: int) -> float:
    """All ways in which that many coins can fall, and those at least as one-sided."""
    changed = lost + gained
    apart = abs(lost - gained)
    ways = sum(comb(changed, k) for k in range(changed + 1) if abs(2 * k - changed) >= apart)
    return float(ways / 2**changed)


@pytest.mark.parametrize(
    ("lost", "gained"), [(0, 0), (5, 0), (6, 0), (0, 6), (8, 3), (12, 12), (31, 9), (40, 41)]
)
def test_the_test_is_exact(lost: int, gained: int) -> None:
    assert mcnemar_p(lost, gained) == pytest.approx(counted_out(lost, gained), rel=1e-9)


def test_a_published_example() -> None:
    """Agresti's prime minister: 150 and 86 changed their minds; the exact p is 3.7e-5."""
    assert mcnemar_p(150, 86) == pytest.approx(3.7e-5, rel=0.02)


def test_thousands_of_changes_are_no_overflow() -> None:
    assert mcnemar_p(5_000, 5_000) == 1.0
    assert 0 < mcnemar_p(5_300, 4_700) < 1e-8
    assert mcnemar_p(9_000, 10) == 0.0


def test_six_changes_one_way_are_the_fewest_that_tell() -> None:
    assert fewest_changes() == 6
    assert mcnemar_p(5, 0) > 0.05 > mcnemar_p(6, 0)


def test_few_questions_show_only_large_differences() -> None:
    assert smallest_share_difference(0, 0, 60) == pytest.approx(0.126, abs=5e-4)
    assert smallest_share_difference(0, 0, 6) == 1.0
    assert smallest_share_difference(3, 3, 4) == 1.0
    # Connor's formula the other way round: 10 % changed, 5 points apart, 300 questions or so.
    found = smallest_share_difference(15, 15, 300)
    needed = ((1.95996 * 0.1**0.5 + 0.84162 * (0.1 - found**2) ** 0.5) / found) ** 2
    assert needed == pytest.approx(300, rel=1e-3)


@pytest.mark.slow
def test_the_smallest_difference_is_found_in_4_of_5_nights() -> None:
    """300 questions, 12 % of the answers change: at the difference that it says, the exact test
    finds 80 % (it is a little timid, the standard errors of 2,000 nights are 0.9 %)."""
    difference = smallest_share_difference(18, 18, 300)
    rng = np.random.default_rng(15)
    lost, gained = 0.06 + difference / 2, 0.06 - difference / 2
    nights = rng.multinomial(300, [lost, gained, 1 - lost - gained], size=2_000)
    found = sum(mcnemar_p(int(a), int(b)) < 0.05 for a, b, _ in nights)
    assert 0.72 <= found / 2_000 <= 0.84


def test_of_means_it_is_in_standard_errors() -> None:
    assert smallest_mean_difference(0.01, 1e9) == pytest.approx(0.0280, abs=5e-5)
    # t of 9 degrees of freedom: 2.262 and 0.883 (Abramowitz and Stegun, table 26.10).
    assert smallest_mean_difference(0.01, 9) == pytest.approx(0.03145, abs=1e-5)
