"""The rate over time: its integral, the inverse of it, and how people write it."""

import contextlib
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError
from headrace.runner.traffic.curve import Point, RateCurve, parse_rate, parse_stages

RATES = st.floats(0.0, 1000.0).map(lambda rate: round(rate, 3))
SPANS = st.floats(0.0, 100.0).map(lambda span: round(span, 3))


@st.composite
def curves(draw: st.DrawFn) -> RateCurve:
    at_s, points = 0.0, [Point(0.0, draw(RATES))]
    for span_s in draw(st.lists(SPANS, max_size=6)):
        at_s += span_s
        points.append(Point(at_s, draw(RATES)))
    return RateCurve(points)


def integral(curve: RateCurve, until_s: float) -> float:
    """The area under the lines, one trapezium after another."""
    area = 0.0
    points = list(curve.points)
    for before, after in itertools.pairwise(points):
        if before.at_s >= until_s or before.at_s == after.at_s:
            continue
        end_s = min(after.at_s, until_s)
        share = (end_s - before.at_s) / (after.at_s - before.at_s)
        end_rate = before.rate_per_s + share * (after.rate_per_s - before.rate_per_s)
        area += (before.rate_per_s + end_rate) / 2 * (end_s - before.at_s)
    return area + max(0.0, until_s - points[-1].at_s) * points[-1].rate_per_s


@given(curves(), st.floats(0.0, 500.0))
def test_the_count_is_the_integral_of_the_rate(curve: RateCurve, until_s: float) -> None:
    assert curve.count(until_s) == pytest.approx(integral(curve, until_s), rel=1e-9, abs=1e-9)


@given(curves(), st.floats(0.0, 1e5))
def test_the_time_of_a_count_is_when_the_integral_reaches_it(
    curve: RateCurve, count: float
) -> None:
    at_s = curve.time_of(count)
    if math.isinf(at_s):
        assert curve.points[-1].rate_per_s == 0
        assert integral(curve, curve.end_s) <= count + 1e-6
    else:
        assert integral(curve, at_s) == pytest.approx(count, rel=1e-6, abs=1e-6)


@given(curves(), st.lists(st.floats(0.0, 1e5), min_size=2))
def test_later_counts_come_later(curve: RateCurve, counts: list[float]) -> None:
    times_s = [curve.time_of(count) for count in sorted(counts)]
    assert times_s == sorted(times_s)


def test_the_smallest_count_of_a_rate_that_grows_from_nothing_is_at_once() -> None:
    """It was a division by zero."""
    assert RateCurve([Point(0, 0), Point(10, 1)]).time_of(5e-324) == 0


def test_a_pause_lasts_until_the_rate_is_back() -> None:
    # 10 requests in the first 10 s, none until 30 s.
    curve = RateCurve([Point(0, 1), Point(10, 1), Point(10, 0), Point(30, 0), Point(30, 1)])
    assert [curve.time_of(n) for n in (0, 9, 10, 11)] == [0, 9, 30, 31]


@pytest.mark.parametrize(
    ("text", "per_s"),
    [
        *(("50/s", 50.0), ("50", 50.0), (" 2.5 / s ", 2.5), (".5/s", 0.5), ("3000/min", 50.0)),
        *(("90/m", 1.5), ("1800/h", 0.5), ("7/SEC", 7.0)),
    ],
)
def test_rates_as_people_write_them(text: str, per_s: float) -> None:
    assert parse_rate(text) == per_s


@pytest.mark.parametrize("text", ["", "fast", "-1/s", "1e3/s", "50/day", "50/", "/s", "٣/s"])
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"is no rate; write it like 50/s or 3000/min"):
        parse_rate(text)


def test_stages_are_points() -> None:
    curve = parse_stages("0s:5/s, 60s:50/s,1m:10/s , 2m30s:0/s")
    assert curve.points == (Point(0, 5), Point(60, 50), Point(60, 10), Point(150, 0))
    assert curve.end_s == 150


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5/s", "'5/s' is no stage; write the stages like '0s:5/s, 60s:50/s'"),
        ("0s:5/s,", "'' is no stage"),
        ("soon:5/s, 60s:50/s", "in the stages, 'soon' is not a duration"),
        ("0s:5/s, 60s:quick", "'quick' is no rate"),
        ("0s:5/s, 60s:9/s, 30s:9/s", "the stage at 30s comes after a later one; sort them"),
        ("10s:5/s, 60s:50/s", "the first stage is at 10 s; let the first be at 0s"),
        ("0s:5/s", "one rate makes no stages"),
        ("0s:5/s, 0s:6/s", "one rate makes no stages"),
        ("0s:0/s, 60s:0/s", "the rate is 0 throughout"),
    ],
)
def test_bad_stages_are_refused_in_a_line(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_stages(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text())
def test_any_text_is_stages_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        parse_stages(text)
