"""Percentiles with failures and what was cut off: against plain arithmetic, and by simulation."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.load.censored import Incomplete, Quantile, Survival
from headrace.reports.load.intervals import Floats

FOREVER = math.inf


def of(known: list[float], failed: list[float], waited: list[float]) -> Incomplete:
    return Incomplete(*(np.array(each, dtype=np.float64) for each in (known, failed, waited)))


def plainly(times: Incomplete) -> list[tuple[float, Fraction, Fraction | None]]:
    """Kaplan and Meier's curve request by request, with Greenwood's sum: (time, S, sum) for each
    time at which one ended."""
    everything = [(at, True) for at in times.known]
    everything += [(at, False) for at in (*times.failed, *times.waited)]
    surviving, variance = Fraction(1), Fraction(0)
    curve: list[tuple[float, Fraction, Fraction | None]] = []
    for now in sorted({at for at, ended in everything if ended}):
        at_risk = sum(1 for at, _ in everything if at >= now)
        ended_now = sum(1 for at, ended in everything if ended and at == now)
        surviving *= 1 - Fraction(ended_now, at_risk)
        if ended_now == at_risk:
            curve.append((now, surviving, None))
        else:
            variance += Fraction(ended_now, at_risk * (at_risk - ended_now))
            curve.append((now, surviving, variance))
    return curve


def band(surviving: Fraction, variance: Fraction) -> tuple[float, float]:
    """The 95 % band of S on the scale of log(-log S)."""
    log = math.log(surviving)
    middle, error = math.log(-log), math.sqrt(variance) / abs(log)
    z = 1.959963984540054
    return (
        math.exp(-math.exp(middle + z * error)),
        math.exp(-math.exp(middle - z * error)),
    )


def test_the_remissions_of_1963_have_the_published_curve_median_and_interval() -> None:
    """Weeks of remission under 6-MP (E. Freireich and others, Blood 21(6), 1963), as survival
    analysis is taught by: the curve at each relapse and its standard errors, a median of 23 weeks,
    and of its interval by log(-log S) the lower end of 13 and no upper one."""
    relapsed = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    in_remission = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    survival = Survival(of([float(each) for each in relapsed], [], [*map(float, in_remission)]))
    assert np.round(survival._surviving, 3).tolist() == [
        *(0.857, 0.807, 0.753, 0.69, 0.627, 0.538, 0.448)
    ]
    errors = survival._surviving * np.sqrt(survival._variance)
    assert np.round(errors, 4).tolist() == [
        *(0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346)
    ]
    assert survival.quantile(0.5) == Quantile(23.0, None, 13.0, None)


TIMES = st.lists(st.integers(0, 12).map(lambda n: n / 4), max_size=12)
SHARES = st.sampled_from((Fraction(1, 2), Fraction(9, 10), Fraction(19, 20), Fraction(99, 100)))


@given(TIMES, TIMES, TIMES, SHARES)
def test_it_is_what_plain_arithmetic_gives(
    known: list[float], failed: list[float], waited: list[float], share: Fraction
) -> None:
    if not (known or failed or waited):
        known = [1.0]
    times = of(known, failed, waited)
    curve, count = plainly(times), times.total
    found = Survival(times).quantile(float(share))
    # The value: on a scale on which n values lie evenly from 0 to 1, a fall of the curve by k/n
    # covers what k values would.
    covered: list[tuple[Fraction, float]] = []
    before = Fraction(1)
    for at, surviving, _ in curve:
        scale = max(count - 1, 1)
        covered.append((count * (1 - before) / scale, at))
        covered.append(((count * (1 - surviving) - 1) / scale, at))
        before = surviving
    expected: float | None = None
    if count == 1:
        expected = covered[0][1] if covered else None
    elif covered and share <= covered[-1][0]:
        after = next(n for n, (place, _) in enumerate(covered) if place >= share)
        (high, above), (low, below) = covered[after], covered[max(after - 1, 0)]
        part = 0.0 if high == low else float((share - low) / (high - low))
        expected = below + (above - below) * part if after else above
    assert found.value == (None if expected is None else pytest.approx(expected, abs=1e-9))
    # The interval: where the band first comes down to 1 - share.
    bands = [(at, *band(s, g)) for at, s, g in curve if g is not None and s < 1]
    low_end = next((at for at, lower, _ in bands if lower <= 1 - share), None)
    high_end = next((at for at, _, upper in bands if upper <= 1 - share), None)
    value = found.value
    assert found.low == (low_end if low_end is None or value is None else min(low_end, value))
    assert found.high == (high_end if high_end is None or value is None else max(high_end, value))


@given(st.lists(st.integers(0, 40).map(float), min_size=2, max_size=40), st.integers(0, 3))
def test_without_anything_cut_off_it_is_the_percentile_of_all_with_infinities(
    known: list[float], failures: int
) -> None:
    found = Survival(of(known, [FOREVER] * failures, [])).quantile(0.9)
    values = sorted(known) + [FOREVER] * failures
    place = 0.9 * (len(values) - 1)
    below = math.floor(place + 1e-9)
    above = min(math.ceil(place - 1e-9), len(values) - 1)
    if values[above] == FOREVER:
        assert found[:2] == (None, None)
    else:
        expected = values[below] + (values[above] - values[below]) * (place - below)
        assert found.value == pytest.approx(expected)


def test_of_more_that_was_cut_off_than_the_percentile_leaves_it_is_at_least_what_they_waited() -> (
    None
):
    times = of([1.0] * 90, [], [2.1] * 10)
    assert Survival(times).quantile(0.99) == Quantile(None, 2.1, None, None)
    assert Survival(times).quantile(0.5).value == 1.0


def test_of_more_failures_than_the_percentile_leaves_it_is_infinite() -> None:
    times = of([1.0] * 98, [FOREVER] * 2, [])
    assert Survival(times).quantile(0.99)[:2] == (None, None)
    assert Survival(times).quantile(0.95).value == 1.0


def test_what_was_cut_off_early_says_little_and_what_was_cut_off_late_a_lot() -> None:
    """Ten that were cut off at once are as if they had not been there."""
    known = [float(n) for n in range(1, 101)]
    assert Survival(of(known, [], [0.0] * 10)).quantile(0.5).value == pytest.approx(50.5, abs=0.1)
    assert Survival(of(known, [], [99.5] * 10)).quantile(0.5).value == pytest.approx(55.5, abs=0.1)


def test_without_any_answer_nothing_is_known_but_what_was_waited() -> None:
    assert Survival(of([], [], [3.0, 5.0])).quantile(0.5) == Quantile(None, 4.0, None, None)
    assert Survival(of([], [FOREVER], [])).quantile(0.5) == Quantile(None, None, None, None)


def _drawn(rng: np.random.Generator, count: int, *, fail: float, window_s: float) -> Incomplete:
    """Requests due evenly over a window that is cut off at its end, some of which fail at once;
    their times are exponential of mean 1."""
    times = np.where(rng.random(count) < fail, FOREVER, rng.exponential(size=count))
    until: Floats = rng.uniform(0.0, window_s, count)
    failed = np.isinf(times)
    ended = ~failed & (times <= until)
    return Incomplete(times[ended], until[failed], until[~failed & ~ended])


@pytest.mark.slow
@pytest.mark.parametrize("count", [30, 100, 400])
@pytest.mark.parametrize(("fail", "shares"), [(0.0, (0.5, 0.9, 0.95)), (0.03, (0.5, 0.9))])
@pytest.mark.parametrize("window_s", [3.0, 20.0])
def test_the_interval_holds_the_truth_in_93_of_100_runs(
    count: int, fail: float, shares: tuple[float, ...], window_s: float
) -> None:
    rng, runs = np.random.default_rng(17), 1500
    missed = dict.fromkeys(shares, 0)
    given = dict.fromkeys(shares, 0)
    for _ in range(runs):
        curve = Survival(_drawn(rng, count, fail=fail, window_s=window_s))
        for share in shares:
            truth = -math.log(1 - share / (1 - fail))
            _, _, low, high = curve.quantile(share)
            given[share] += low is not None or high is not None
            missed[share] += (low or 0.0) > truth or (FOREVER if high is None else high) < truth
    assert min(1 - missed[share] / given[share] for share in shares) >= 0.93
