"""A few of the searches that `make users` tries by the hundred."""

import pytest

from .simulation import QueueingService, search

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
