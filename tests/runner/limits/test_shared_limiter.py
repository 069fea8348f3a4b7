"""The limiter of a worker: never more than what it holds, whatever the course of its shares."""

import random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runner.limits import NO_SHARE, WINDOW_S, Share
from headrace.runner.limits.shared_limiter import INF, SharedLimiter

FOREVER_S = 1e9


def limiter_of(requests: Share | None, tokens: Share | None = None) -> SharedLimiter:
    rpm = None if requests is None else requests.window
    tpm = None if tokens is None else tokens.window
    limiter = SharedLimiter(rpm=rpm, tpm=tpm, now_s=0.0)
    limiter.set_share(requests, tokens, now_s=0.0, until_s=FOREVER_S)
    return limiter


def send_until(limiter: SharedLimiter, now_s: float, end_s: float, tokens: int = 0) -> list[float]:
    """When requests leave before `end_s`, with more of them always waiting."""
    moments = []
    while (ready_s := limiter.ready_at_s(now_s, tokens)) < end_s:
        if ready_s > now_s:
            now_s = ready_s
            continue
        limiter.take(now_s, tokens)
        moments.append(now_s)
    return moments


def test_nothing_leaves_without_a_share_or_after_its_time() -> None:
    limiter = SharedLimiter(rpm=60, tpm=None, now_s=0.0)
    assert limiter.ready_at_s(0.0, 0) == INF
    limiter.set_share(Share(60, 60), None, now_s=0.0, until_s=15.0)
    assert (limiter.has_share, limiter.ready_at_s(0.0, 0)) == (True, 1.0)
    assert limiter.ready_at_s(14.9, 0) == 14.9
    assert limiter.ready_at_s(15.0, 0) == INF
    assert limiter.hold_less(15.0) == (0, 0)
    assert not limiter.has_share


def test_a_share_begins_with_an_empty_bucket_so_that_many_don_t_leave_at_once() -> None:
    assert send_until(limiter_of(Share(40, 40)), 0.0, 4.0) == [1.5, 3.0]


def test_a_pace_without_a_window_and_a_window_without_a_pace_send_nothing() -> None:
    assert limiter_of(Share(60, 0)).ready_at_s(5.0, 0) == INF
    assert limiter_of(Share(0, 60)).ready_at_s(5.0, 0) == INF
    assert limiter_of(None, Share(0, 60)).ready_at_s(5.0, 1) == INF
    assert limiter_of(None, NO_SHARE).ready_at_s(5.0, 0) == 5.0


def test_a_request_that_a_window_can_t_hold_waits_for_a_larger_one() -> None:
    limiter = limiter_of(None, Share(1000, 1000))
    assert limiter.ready_at_s(60.0, 1001) == INF
    limiter.set_share(None, Share(2000, 2000), now_s=60.0, until_s=FOREVER_S)
    assert limiter.ready_at_s(90.0, 1001) == 90.0


def test_a_smaller_share_falls_with_what_the_last_window_sent_and_no_further() -> None:
    limiter = limiter_of(Share(600, 600))
    send_until(limiter, 0.0, 30.0)
    logged = limiter.used(30.0)[0]
    limiter.set_share(Share(60, 60), None, now_s=30.0, until_s=FOREVER_S)
    assert limiter.hold_less(30.0) == (logged, 0)
    # At the smaller pace, though the window has room for more: that is given back as it frees.
    assert len(send_until(limiter, 30.0, 75.0)) == pytest.approx(15, abs=1)
    sent = limiter.used(75.0)[0]
    assert limiter.hold_less(75.0)[0] == logged  # so many since the last report but one
    limiter.hold_less(76.0)
    assert limiter.hold_less(77.0)[0] == sent < logged
    for now_s in (200.0, 201.0, 202.0):
        held = limiter.hold_less(now_s)
    assert held == (60, 0)


def test_a_larger_share_does_not_fill_its_bucket_at_once() -> None:
    limiter = limiter_of(Share(600, 600))
    send_until(limiter, 0.0, 10.0)
    limiter.set_share(Share(6000, 6000), None, now_s=10.0, until_s=FOREVER_S)
    assert len(send_until(limiter, 10.0, 10.1)) <= 11


def test_what_an_answer_used_counts_although_the_share_fell_meanwhile() -> None:
    limiter = limiter_of(None, Share(6000, 6000))
    grant = limiter.take(1.0, 5000)
    limiter.set_share(None, NO_SHARE, now_s=2.0, until_s=FOREVER_S)
    limiter.settle(grant, used_tokens=4000, now_s=3.0)
    assert [limiter.hold_less(now_s)[1] for now_s in (3.0, 4.0, 5.0)] == [5000, 5000, 4000]
    assert limiter.used(3.0) == (1, 4000)


def test_limits_that_another_sets_are_left_to_the_coordinator() -> None:
    limiter = limiter_of(Share(60, 60), Share(1000, 1000))
    limiter.lower_rpm(1, 5.0)
    limiter.lower_tpm(1, 5.0)
    limiter.share(100.0)
    assert (limiter.rpm, limiter.tpm) == (60, 1000)


class Change(NamedTuple):
    """After so long, another share; None to give back what is not used."""

    after_s: float
    share: Share | None


SHARES = st.builds(Share, pace=st.integers(0, 300), window=st.integers(0, 300))
CHANGES = st.lists(st.builds(Change, st.floats(0.1, 40.0), SHARES | st.none()), max_size=25)


@pytest.mark.slow
@given(changes=CHANGES, tokens=st.booleans(), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_no_window_has_more_than_what_was_held_at_its_end(
    changes: list[Change], tokens: bool, seed: int
) -> None:
    """Whatever the course of the changes; what is held rises by nothing but a larger share."""
    rng = random.Random(seed)
    size = rng.randint(1, 9) if tokens else 0
    limiter = SharedLimiter(rpm=None if tokens else 300, tpm=300 if tokens else None, now_s=0.0)
    now_s, sent, held, beyond, risen = 0.0, list[float](), 0, 0, 0
    for change in changes:
        moments = send_until(limiter, now_s, now_s + change.after_s, size)
        sent += moments
        now_s += change.after_s
        weight = size if tokens else 1
        for at_s in moments:
            window = sum(weight for each in sent if at_s - WINDOW_S + 1e-6 < each <= at_s)
            beyond = max(beyond, window - held)
        before = held
        if change.share is not None:
            share = (None, change.share) if tokens else (change.share, None)
            limiter.set_share(*share, now_s=now_s, until_s=FOREVER_S)
            before = max(before, change.share.window)
        held = limiter.hold_less(now_s)[1 if tokens else 0]
        risen = max(risen, held - before)
    assert (beyond, risen) == (0, 0)
