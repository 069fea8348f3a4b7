"""What the shapes want sent, and when they end."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError
from headrace.runner.traffic.arrivals import due_times, evenly
from headrace.runner.traffic.curve import Point, RateCurve
from headrace.runner.traffic.demand import (
    FAILED_PAUSE_S,
    TABLE_STEP_S,
    Demand,
    DueRequest,
    MeasureWindow,
    OpenLoop,
    Users,
)
from headrace.runner.traffic.think import Think, parse_think

NO_PAUSE = Think("constant", 0.0)


def play(demand: Demand, *, latency_s: Callable[[int], float], until_s: float) -> list[DueRequest]:
    """Take each as soon as it is due; the n-th comes to its end `latency_s(n)` later."""
    now_s = 0.0
    taken: list[DueRequest] = []
    out: list[tuple[float, int]] = []
    while now_s <= until_s:
        while (turn := demand.take(now_s)) is not None:
            out.append((now_s + latency_s(len(taken)), turn.user))
            taken.append(turn)
        if demand.over_s is not None:
            break
        end_s = min(out)[0] if out else math.inf
        now_s = min(demand.next_s(now_s), end_s)
        while out and min(out)[0] <= now_s:
            ended = min(out)
            out.remove(ended)
            demand.freed(ended[1], now_s, failed=False)
    return taken


def open_loop(window: MeasureWindow, *, warm_up: list[float], measured: list[float]) -> OpenLoop:
    return OpenLoop(window, warm_up=iter(warm_up), measured=iter(measured))


def test_an_open_loop_ends_with_its_duration() -> None:
    window = MeasureWindow(from_s=2.0, duration_s=3.0, requests=None)
    demand = open_loop(window, warm_up=[-2.0, -1.0, 0.0, 1.0], measured=[0.0, 1.0, 2.0, 3.0])
    taken = play(demand, latency_s=lambda _n: 100.0, until_s=50.0)
    assert [turn.due_s for turn in taken] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert demand.over_s == 5.0


@pytest.mark.parametrize(("rate_per_s", "duration_s"), [(1.1, 30.0), (2.2, 15.0), (50.0, 60.0)])
def test_a_quotient_that_misses_the_end_by_its_last_digits_is_not_before_it(
    rate_per_s: float, duration_s: float
) -> None:
    """33 / 1.1 is 29.999999999999996, and 30 s of 1.1 a second are 33 requests, not 34."""
    window = MeasureWindow(from_s=0.0, duration_s=duration_s, requests=None)
    times_s = due_times(RateCurve([Point(0.0, rate_per_s)]), evenly())
    demand = OpenLoop(window, warm_up=iter(()), measured=times_s)
    taken = play(demand, latency_s=lambda _n: 0.0, until_s=100.0)
    assert len(taken) == round(rate_per_s * duration_s)


def test_an_open_loop_ends_with_its_measured_requests() -> None:
    """The warm-up counts for nothing, and the window ends where the next one would have begun."""
    window = MeasureWindow(from_s=2.0, duration_s=None, requests=3)
    demand = open_loop(window, warm_up=[-2.0, -1.0], measured=[0.0, 1.0, 2.0, 3.5, 4.0])
    taken = play(demand, latency_s=lambda _n: 100.0, until_s=50.0)
    assert [turn.due_s for turn in taken] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert demand.over_s == 5.5


def test_an_open_loop_without_an_end_of_its_own_ends_with_its_last() -> None:
    window = MeasureWindow(from_s=0.0, duration_s=None, requests=None)
    demand = open_loop(window, warm_up=[], measured=[0.0, 1.5])
    assert len(play(demand, latency_s=lambda _n: 0.1, until_s=50.0)) == 2
    assert demand.over_s == 1.5


def test_what_is_late_is_still_wanted() -> None:
    """A client that was held up finds everything that came due meanwhile, in order."""
    window = MeasureWindow(from_s=0.0, duration_s=10.0, requests=None)
    demand = open_loop(window, warm_up=[], measured=[0.0, 1.0, 2.0, 3.0])
    assert [demand.take(2.5) for _ in range(4)] == [
        DueRequest(0.0, 0, 0),
        DueRequest(1.0, 0, 1),
        DueRequest(2.0, 0, 2),
        None,
    ]
    assert [*demand.left(2.9)] == []
    assert [*demand.left(3.0)] == [DueRequest(3.0, 0, 3)]


def test_users_beyond_the_number_that_is_measured_are_not_left_over() -> None:
    def left(**ends: Any) -> list[float]:
        window = MeasureWindow(**{"from_s": 0.0, "duration_s": None, "requests": None, **ends})
        users = Users(window, count=3, think=NO_PAUSE, seed=1, start_s=0.0, spread_s=3.0)
        assert users.take(0.0) == DueRequest(0.0, 0, 0)
        return [turn.due_s for turn in users.left(9.0)]

    assert left(requests=2) == [1.0]
    assert left(duration_s=2.0) == [1.0]
    assert left(duration_s=9.0) == [1.0, 2.0]


def test_users_come_back_when_they_have_their_answer_and_have_thought() -> None:
    window = MeasureWindow(from_s=0.0, duration_s=10.0, requests=None)
    users = Users(window, count=2, think=Think("constant", 1.0), seed=1, start_s=0.0)
    taken = play(users, latency_s=lambda _n: 2.0, until_s=50.0)
    # Every 3 s both are back, and at 9.0 for the last time.
    assert [turn.due_s for turn in taken] == [0.0, 0.0, 3.0, 3.0, 6.0, 6.0, 9.0, 9.0]
    assert users.over_s == 10.0


def test_users_who_are_out_as_the_window_nears_its_end_are_waited_for() -> None:
    """The end is not known to be reached while a user who is out may yet be due before it."""
    window = MeasureWindow(from_s=0.0, duration_s=5.0, requests=None)
    users = Users(window, count=2, think=NO_PAUSE, seed=1, start_s=0.0)
    # The second user's only request takes 4.5 s.
    taken = play(users, latency_s=lambda n: 4.5 if n == 1 else 2.0, until_s=50.0)
    assert [(turn.due_s, turn.user) for turn in taken] == [
        *((0.0, 0), (0.0, 1), (2.0, 0), (4.0, 0), (4.5, 1))
    ]


def test_users_end_with_their_measured_requests() -> None:
    window = MeasureWindow(from_s=4.0, duration_s=None, requests=3)
    users = Users(window, count=2, think=NO_PAUSE, seed=1, start_s=0.0)
    taken = play(users, latency_s=lambda _n: 2.0, until_s=50.0)
    assert [turn.due_s for turn in taken] == [0.0, 0.0, 2.0, 2.0, 4.0, 4.0, 6.0]
    # Another one was due at the same time, and isn't measured: the window ends between the two.
    assert users.over_s == 6.0 + TABLE_STEP_S


def test_users_come_one_after_another_where_a_spread_is_given() -> None:
    window = MeasureWindow(from_s=4.0, duration_s=1.0, requests=None)
    users = Users(window, count=4, think=NO_PAUSE, seed=1, start_s=0.0, spread_s=2.0)
    taken = play(users, latency_s=lambda _n: 100.0, until_s=50.0)
    assert [turn.due_s for turn in taken] == [0.0, 0.5, 1.0, 1.5]


def test_a_user_whose_request_failed_is_not_back_at_once() -> None:
    users = Users(MeasureWindow(0.0, 10.0, None), count=1, think=NO_PAUSE, seed=1, start_s=0.0)
    assert users.take(0.0) is not None
    users.freed(0, 1.0, failed=True)
    assert users.next_s(1.0) == 1.0 + FAILED_PAUSE_S


@given(st.integers(1, 8), st.integers(0, 2**32), st.integers(1, 60))
def test_no_more_are_out_than_there_are_users(count: int, seed: int, requests: int) -> None:
    window = MeasureWindow(0.0, None, requests)
    users = Users(window, count=count, think=Think("exponential", 0.5), seed=seed, start_s=0.0)
    out = 0
    now_s = 0.0
    pending: list[int] = []
    taken = 0
    while users.over_s is None:
        turn = users.take(now_s)
        if turn is not None:
            pending.append(turn.user)
            taken += 1
            out = max(out, len(pending))
            assert turn.due_s <= now_s
        elif pending and math.isinf(users.next_s(now_s)):
            now_s += 0.1
            users.freed(pending.pop(0), now_s, failed=False)
        else:
            now_s = min(users.next_s(now_s), now_s + 10.0)
            if pending:
                users.freed(pending.pop(0), now_s, failed=False)
    assert out <= count
    assert taken == requests


def test_think_times_are_each_users_own() -> None:
    """Two runs in which the users have their answers in another order give each the same pauses."""

    def pauses(order: list[int]) -> dict[int, float]:
        users = Users(
            MeasureWindow(0.0, 99.0, None),
            count=3,
            think=Think("uniform", 1, 2),
            seed=5,
            start_s=0.0,
        )
        found: dict[int, float] = {}
        for _ in range(3):
            users.take(0.0)
        for user in order:
            users.freed(user, 0.0, failed=False)
        while len(found) < 3:
            now_s = users.next_s(0.0)
            turn = users.take(now_s)
            assert turn is not None
            found[turn.user] = turn.due_s
        return found

    assert pauses([0, 1, 2]) == pauses([2, 0, 1])


@pytest.mark.parametrize(
    ("text", "think"),
    [
        ("2s", Think("constant", 2.0)),
        ("0", Think("constant", 0.0)),
        ("uniform:1s:3s", Think("uniform", 1.0, 3.0)),
        ("exponential:500ms", Think("exponential", 0.5)),
    ],
)
def test_think_times_as_people_write_them(text: str, think: Think) -> None:
    assert parse_think(text) == think


@pytest.mark.parametrize("text", ["", "uniform", "uniform:3s:1s", "exponential", "2s:3s", "-1s"])
def test_what_is_no_think_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match=r"uniform:1s:3s or exponential:2s"):
        parse_think(text)
