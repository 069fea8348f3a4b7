"""Offsets of clocks: injected ones are found within the stated error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runner.cluster.clock_offset import (
    TRIPS_MIN,
    ClockOffset,
    RoundTrip,
    clock_offset,
    error_between,
)

DELAYS_NS = st.integers(0, 10**9)
# A wall clock's offset by decades, a start of another machine's own counting.
OFFSETS_NS = st.integers(-(2**62), 2**62)


def trips_of(offset_ns: int, ways: list[tuple[int, int, int]]) -> list[RoundTrip]:
    """Round trips to a clock that is so far off: when, how long there, how long back."""
    return [
        RoundTrip(at_ns, at_ns + there_ns + offset_ns, at_ns + there_ns + back_ns)
        for at_ns, there_ns, back_ns in ways
    ]


@pytest.mark.slow
@settings(max_examples=40)
@given(
    OFFSETS_NS,
    st.lists(
        st.tuples(st.integers(0, 10**18), DELAYS_NS, DELAYS_NS),
        min_size=TRIPS_MIN,
        max_size=TRIPS_MIN + 8,
    ),
)
def test_any_offset_is_found_within_its_stated_error(
    offset_ns: int, ways: list[tuple[int, int, int]]
) -> None:
    found = clock_offset(trips_of(offset_ns, ways))
    assert abs(found.offset_ns - offset_ns) <= found.error_ns
    least_ns = min(there_ns + back_ns for _, there_ns, back_ns in ways)
    assert found.round_trip_ns == least_ns
    assert found.error_ns == (least_ns + 1) // 2
    assert found.trips == len(ways)


def test_of_one_way_alone_the_error_is_all_that_is_stated() -> None:
    """All of the delay on the way there, or all of it back: half the round trip, exactly."""
    there = clock_offset(trips_of(5, [(0, 1000, 0)] * TRIPS_MIN))
    back = clock_offset(trips_of(5, [(0, 0, 1000)] * TRIPS_MIN))
    assert (there.offset_ns, back.offset_ns) == (505, -495)
    assert there.error_ns == back.error_ns == 500


def test_the_least_of_the_round_trips_counts() -> None:
    slow = [(n, 9_000, 1_000) for n in range(TRIPS_MIN - 1)]
    assert clock_offset(trips_of(70, [*slow, (7, 10, 10)])) == ClockOffset(70, 10, 20, TRIPS_MIN)


def test_too_few_round_trips_are_refused() -> None:
    with pytest.raises(ValueError, match="31 round trips say too little; 32 are the least"):
        clock_offset(trips_of(0, [(0, 1, 1)] * (TRIPS_MIN - 1)))


def test_a_clock_that_was_set_back_meanwhile_says_nothing() -> None:
    trips = [*trips_of(0, [(0, 5, 5)] * TRIPS_MIN), RoundTrip(100, 100, 99)]
    with pytest.raises(ValueError, match="its clock was set back"):
        clock_offset(trips)


@settings(max_examples=40)
@given(
    OFFSETS_NS,
    st.integers(-(10**7), 10**7),
    st.tuples(DELAYS_NS, DELAYS_NS),
    st.tuples(DELAYS_NS, DELAYS_NS),
    st.integers(0, 10),
)
def test_clocks_that_drift_apart_stay_within_the_error_of_the_whole_time(
    offset_ns: int, drift_ns: int, first: tuple[int, int], last: tuple[int, int], tenth: int
) -> None:
    """Of an even drift: at any moment between, what was measured first is wrong by no more."""
    began = clock_offset(trips_of(offset_ns, [(0, *first)] * TRIPS_MIN))
    ended = clock_offset(trips_of(offset_ns + drift_ns, [(0, *last)] * TRIPS_MIN))
    then_ns = offset_ns + drift_ns * tenth // 10
    assert abs(began.offset_ns - then_ns) <= error_between(began, ended) + 1
