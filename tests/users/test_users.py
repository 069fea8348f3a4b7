"""A few of the searches that `make users` tries by the hundred."""

import pytest

from .simulation import OpenService, QueueingService, search, search_rates

OPEN = OpenService(places=1, service_s=0.2, within_s=1.0)
SERVICE = QueueingService(places=1, service_s=0.2, think_s=3.0, within_s=1.0)


def test_the_capacity_of_the_formula_is_that_of_the_simulated_service() -> None:
    """With one place it is M/M/1//N; the share of late requests is near to 5 % on either side."""
    from random import Random

    assert SERVICE.later(1) == pytest.approx(2.718281828**-5)
    late = SERVICE.latencies(SERVICE.capacity, 60_000, Random(1)) > SERVICE.within_s
    assert late.mean() == pytest.approx(SERVICE.later(SERVICE.capacity), abs=0.006)
    assert SERVICE.later(SERVICE.capacity) <= 0.05 < SERVICE.later(SERVICE.capacity + 1)


@pytest.mark.slow
def test_the_capacity_lies_within_the_bounds_of_nine_in_ten_searches() -> None:
    made = [search(SERVICE, seed) for seed in range(20)]
    assert sum(each.holds(SERVICE.capacity) for each in made) >= 18
    sure = [each.found for each in made if each.found.highest_met and each.found.lowest_missed]
    assert len(sure) >= 18
    widths = sorted((each.lowest_missed or 0) - (each.highest_met or 0) for each in sure)
    assert widths[len(widths) // 2] <= 0.75 * SERVICE.capacity


def test_the_capacity_for_rates_is_that_of_the_simulated_service() -> None:
    """One place is M/M/1: times are exponential, of the spare rate."""
    from math import log
    from random import Random

    assert OPEN.capacity == pytest.approx(5 + log(0.05))
    late = OPEN.latencies(OPEN.capacity, 60_000, Random(2)) > OPEN.within_s
    assert late.mean() == pytest.approx(0.05, abs=0.006)


@pytest.mark.slow
def test_the_highest_rate_lies_within_the_bounds_of_nine_in_ten_searches() -> None:
    made = [search_rates(OPEN, seed) for seed in range(10)]
    assert sum(each.holds(OPEN.capacity) for each in made) >= 9
    assert sum(bool(each.found.highest_met and each.found.lowest_missed) for each in made) >= 9
