"""Wilson's interval: published examples, and its coverage counted out."""

from math import comb

import pytest

from headrace.reports.uncertainty.shares import wilson, z_of


@pytest.mark.parametrize(
    ("ones", "count", "low", "high"),
    [
        # R. Newcombe, Statistics in Medicine 17, 1998, p. 857, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(ones: int, count: int, low: float, high: float) -> None:
    found = wilson(ones / count, count, 0.95)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_a_level_is_two_sided() -> None:
    assert z_of(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert z_of(0.98) == pytest.approx(2.326348, abs=1e-6)


def coverage(count: int, share: float) -> float:
    """How likely the interval holds the truth, over all numbers of ones that there can be."""
    covered = 0.0
    for ones in range(count + 1):
        low, high = wilson(ones / count, count, 0.95)
        if low <= share <= high:
            covered += comb(count, ones) * share**ones * (1 - share) ** (count - ones)
    return covered


@pytest.mark.parametrize("count", [20, 50, 100, 300])
def test_it_covers_at_least_93_percent_from_5_expected_events_on(count: int) -> None:
    """But for a few shares of few values, that are covered by 92.7 %: counts come in steps."""
    shares = [n / 200 for n in range(1, 200) if 5 <= count * n / 200 <= count - 5]
    found = {share: coverage(count, share) for share in shares}
    assert min(found.values()) >= 0.927
    assert sum(each < 0.93 for each in found.values()) <= 0.1 * len(found)
    assert sum(found.values()) / len(found) == pytest.approx(0.95, abs=0.006)
