"""Quantiles from buckets are those of the values, within the width of a bucket."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.traffic.histogram import LEAST_S, Histogram

TIMES = st.lists(st.floats(0.0, 1e5), min_size=1, max_size=60)


@given(TIMES, st.sampled_from([0.0, 0.25, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_the_nearest_rank_within_two_percent(
    times_s: list[float], share: float
) -> None:
    histogram = Histogram()
    for time_s in times_s:
        histogram.add(time_s)
    exact_s = sorted(times_s)[max(0, math.ceil(share * len(times_s)) - 1)]
    found_s = histogram.quantile_s(share)
    assert found_s is not None
    assert max(exact_s, LEAST_S) * (1 - 1e-9) <= found_s <= max(exact_s, LEAST_S) * 1.0200001


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile_s(0.5) is None


def test_many_values_take_little_room() -> None:
    histogram = Histogram()
    for n in range(20_000):
        histogram.add(n / 1000)
    assert histogram.count == 20_000
    assert histogram.quantile_s(0.5) == pytest.approx(10.0, rel=0.02)
    assert len(histogram._counts) < 900
