"""Due times: as many as the rate says, without drift, at random where asked, and from the seed."""

import itertools
import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.runner.traffic.arrivals import arrivals_of, at_random, due_times, evenly, in_bursts
from headrace.runner.traffic.curve import Point, RateCurve

RATE = st.integers(1, 200_000).map(lambda hundredths: hundredths / 100)


def flat(rate_per_s: float) -> RateCurve:
    return RateCurve([Point(0.0, rate_per_s)])


def until(times_s: Iterator[float], end_s: float) -> list[float]:
    return list(itertools.takewhile(lambda due_s: due_s < end_s, times_s))


@given(RATE, st.integers(0, 10**9))
def test_a_constant_rate_does_not_drift(rate: float, n: int) -> None:
    """The n-th is due at n / rate, to the last digit, however large n is."""
    assert list(due_times(flat(rate), [float(n)])) == [n / rate]
    assert list(itertools.islice(evenly(), 3)) == [0.0, 1.0, 2.0]


@given(st.integers(1, 200), st.integers(1, 10))
@settings(max_examples=50)
def test_a_constant_rate_is_as_many_as_it_says(rate: int, seconds: int) -> None:
    assert len(until(due_times(flat(rate), evenly()), seconds - 1e-9)) == rate * seconds


@given(
    st.lists(st.tuples(st.integers(1, 10), st.integers(0, 30)), min_size=1, max_size=4),
    st.integers(0, 50),
)
def test_the_integral_of_any_stages_is_the_count(stages: list[tuple[int, int]], first: int) -> None:
    points, at_s, area = [Point(0.0, first)], 0, 0.0
    for span_s, rate in stages:
        area += (points[-1].rate_per_s + rate) / 2 * span_s
        at_s += span_s
        points.append(Point(at_s, rate))
    points.append(Point(at_s, 0))  # nothing after them
    times_s = list(due_times(RateCurve(points), evenly()))
    assert len(times_s) == math.ceil(area - 1e-9)
    assert times_s == sorted(times_s)
    assert all(0 <= due_s <= at_s for due_s in times_s)


@given(
    st.sampled_from(["constant", "poisson", "gamma"]),
    st.integers(0, 2**32),
    st.floats(0.1, 5.0),
)
@example("gamma", 129, 3.1131424034286557)  # two requests came out an ulp the wrong way round
@settings(max_examples=30)
def test_due_times_never_go_back_and_the_seed_gives_them_again(
    kind: str, seed: int, variation: float
) -> None:
    curve = RateCurve([Point(0, 10), Point(5, 100), Point(8, 0), Point(9, 40)])

    def once() -> list[float]:
        arrivals = arrivals_of(kind, rng=random.Random(seed), variation=variation)  # type: ignore[arg-type]
        return list(itertools.islice(due_times(curve, arrivals), 200))

    times_s = once()
    assert times_s == sorted(times_s)
    assert times_s == once()


def kolmogorov_distance(sample: list[float], distribution: list[float]) -> float:
    """The largest distance between the sample's steps and a distribution, given at its values.

    `distribution` is the cumulative one at the sorted sample.
    """
    n = len(sample)
    return max(
        max((place + 1) / n - value, value - place / n) for place, value in enumerate(distribution)
    )


def critical_distance(n: int, significance: float) -> float:
    """N. Smirnov's asymptotic bound: P(D > d) = 2 exp(-2 n d^2), for its leading term."""
    return math.sqrt(-math.log(significance / 2) / (2 * n))


@pytest.mark.parametrize("seed", range(5))
def test_poisson_arrivals_pass_a_kolmogorov_smirnov_test(seed: int) -> None:
    """Gaps at 50/s are exponential of mean 20 ms: a gap is below t with 1 - exp(-50 t)."""
    times_s = list(itertools.islice(due_times(flat(50), at_random(random.Random(seed))), 5000))
    gaps_s = sorted(b - a for a, b in itertools.pairwise([0.0, *times_s]))
    distance = kolmogorov_distance(gaps_s, [1 - math.exp(-50 * gap_s) for gap_s in gaps_s])
    assert distance < critical_distance(len(gaps_s), 0.01)


@pytest.mark.parametrize("kind", ["even", "bursts"])
def test_the_kolmogorov_smirnov_test_finds_what_is_not_poisson(kind: str) -> None:
    arrivals = evenly() if kind == "even" else in_bursts(random.Random(1), 1.3)
    times_s = list(itertools.islice(due_times(flat(50), arrivals), 5000))
    gaps_s = sorted(b - a for a, b in itertools.pairwise(times_s))
    distance = kolmogorov_distance(gaps_s, [1 - math.exp(-50 * gap_s) for gap_s in gaps_s])
    assert distance > critical_distance(len(gaps_s), 0.01)


@pytest.mark.parametrize("seed", range(3))
def test_poisson_arrivals_on_a_ramp_are_uniform_in_the_integral(seed: int) -> None:
    """Given their number, arrivals at a rate that rises from 0 lie as the square of time."""
    curve = RateCurve([Point(0, 0), Point(100, 100), Point(100, 0)])
    times_s = list(due_times(curve, at_random(random.Random(seed))))
    assert len(times_s) == pytest.approx(5000, abs=4 * math.sqrt(5000))
    distance = kolmogorov_distance(times_s, [(due_s / 100) ** 2 for due_s in times_s])
    assert distance < critical_distance(len(times_s), 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("variation", [0.2, 0.5, 1.0, 2.0])
def test_gamma_gaps_vary_as_much_as_was_asked(variation: float) -> None:
    times_s = list(
        itertools.islice(due_times(flat(10), in_bursts(random.Random(3), variation)), 40_000)
    )
    gaps_s = [b - a for a, b in itertools.pairwise(times_s)]
    mean_s = sum(gaps_s) / len(gaps_s)
    deviation_s = math.sqrt(sum((gap_s - mean_s) ** 2 for gap_s in gaps_s) / len(gaps_s))
    assert mean_s == pytest.approx(0.1, rel=0.05)
    assert deviation_s / mean_s == pytest.approx(variation, rel=0.05)
