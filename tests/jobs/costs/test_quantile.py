"""Quantiles of values that come one by one, from the counts of a histogram."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs.costs.quantile import HALVED_AFTER, UpperQuantile

STEP = 2 ** (1 / 8)  # the width of a bucket
values = st.floats(2**-9, 2**23) | st.integers(1, 2**23).map(float)


def exact(pairs: list[tuple[float, float]], share: float) -> float:
    """The smallest value that at least `share` of the weight is not above, and no less than the
    mean."""
    total = sum(weight for _, weight in pairs)
    below = 0.0
    quantile = 0.0
    for value, weight in sorted(pairs):
        below += weight
        quantile = value
        if total - below <= total * (1 - share):
            break
    return max(quantile, sum(value * weight for value, weight in pairs) / total)


@pytest.mark.slow
@given(
    pairs=st.lists(
        st.tuples(values, st.integers(1, 100).map(float)), min_size=1, max_size=HALVED_AFTER - 1
    ),
    share=st.sampled_from([0.5, 0.75, 0.9375]),
)
def test_it_lies_within_a_bucket_above_the_exact_one(
    pairs: list[tuple[float, float]], share: float
) -> None:
    quantile = UpperQuantile(share)
    for value, weight in pairs:
        quantile.add(value, weight)
    wanted = exact(pairs, share)
    assert wanted * (1 - 1e-9) <= quantile.value <= wanted * STEP * (1 + 1e-9)
    assert quantile.count == len(pairs)


@pytest.mark.slow
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(HALVED_AFTER, 3 * HALVED_AFTER),
    share=st.sampled_from([0.5, 0.75, 0.9375]),
)
def test_it_lies_there_too_once_weights_have_been_halved(
    seed: int, count: int, share: float
) -> None:
    rng = random.Random(seed)
    quantile = UpperQuantile(share)
    pairs = [(rng.lognormvariate(0, 2), float(rng.randint(1, 100))) for _ in range(count)]
    for value, weight in pairs:
        quantile.add(value, weight)
    halvings = [count // HALVED_AFTER - n // HALVED_AFTER for n in range(count)]
    faded = [
        (value, weight / 2**times) for (value, weight), times in zip(pairs, halvings, strict=True)
    ]
    wanted = exact(faded, share)
    assert wanted * (1 - 1e-9) <= quantile.value <= wanted * STEP * (1 + 1e-9)


def test_before_the_first_value_it_is_nothing() -> None:
    assert UpperQuantile(0.95).value == 0.0


@pytest.mark.parametrize(("value", "edge"), [(0.0, 2**-10), (1e-9, 2**-10)])
def test_the_smallest_values_share_a_bucket(value: float, edge: float) -> None:
    quantile = UpperQuantile(0.95)
    quantile.add(value)
    assert quantile.value == edge


def test_a_value_beyond_the_last_bucket_still_counts_by_the_mean() -> None:
    quantile = UpperQuantile(0.95)
    quantile.add(2.0**40)
    assert quantile.value == 2.0**40


def test_old_values_count_less() -> None:
    quantile = UpperQuantile(0.95)
    for _ in range(2000):
        quantile.add(8.0)
    answers = 0
    while quantile.value > 1.5 and answers < 10 * HALVED_AFTER:
        quantile.add(1.0)
        answers += 1
    # Weights have halved every 512 values, so those of older values are at most 1,024;
    # they are down to a twentieth after four or five halvings.
    assert 1024 < answers < 6 * HALVED_AFTER
