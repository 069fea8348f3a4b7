"""The course of the concurrency: few points, however long the run."""

from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.limits.history import FIRST_INTERVAL_S, POINTS_MAX, ConcurrencyHistory


def test_a_short_run_has_a_point_a_second() -> None:
    course = ConcurrencyHistory()
    for tenths in range(100):
        course.note(tenths / 10, 16, tenths)
    assert [look.at_s for look in course.samples] == [float(n) for n in range(10)]
    # The most of each second.
    assert [look.in_flight for look in course.samples] == list(range(9, 100, 10))


def test_the_last_point_has_the_slots_of_the_end() -> None:
    """Regression: a run of less than a second ended with the slots of its first moment."""
    history = ConcurrencyHistory()
    history.end(0.0, 16)
    assert history.samples == []
    history.note(0.0, 16, 1)
    history.end(0.1, 16)
    history.note(0.4, 64, 60)
    history.end(0.5, 64)
    assert [(look.limit, look.in_flight) for look in history.samples] == [(16, 60), (64, 0)]


def test_a_peak_is_told_once_wherever_samples_begin() -> None:
    history = ConcurrencyHistory()
    for at_s, in_flight in [(0.0, 3), (0.4, 9), (0.9, 2), (1.1, 4)]:
        history.note(at_s, 16, in_flight)
    assert (history.peak(), history.peak()) == (9, 0)
    history.note(1.2, 16, 1)
    assert history.peak() == 1
    assert [look.in_flight for look in history.samples] == [9, 4]


@given(st.lists(st.floats(0.001, 50_000), min_size=1, max_size=3000))
def test_a_long_run_has_a_bounded_number_of_points_from_its_start_on(gaps_s: list[float]) -> None:
    course, now_s = ConcurrencyHistory(), 0.0
    moments: list[float] = []
    for gap_s in gaps_s:
        course.note(now_s, 1, len(moments) % 997)
        moments.append(now_s)
        now_s += gap_s
    assert 1 <= len(course.samples) <= POINTS_MAX
    assert course.samples[0].at_s == 0.0
    assert {look.at_s for look in course.samples} <= set(moments)
    most = min(len(moments) - 1, 996)
    assert max(look.in_flight for look in course.samples) == most
    pairs = zip(course.samples, course.samples[1:], strict=False)
    assert all(after.at_s - before.at_s >= FIRST_INTERVAL_S for before, after in pairs)
