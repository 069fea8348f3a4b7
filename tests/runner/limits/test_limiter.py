"""The limiter's promise: a server that counts at arrival never refuses, and little is left unused.

The servers here are written from design.md section 6, apart from the limiter, and in whole
milliseconds, so that no rounding of theirs hides a request too many.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runner.limits.limiter import AHEAD, LOOKED_AT, WINDOW_S, Grant, Limiter

MINUTE_MS = 60_000


class Arrival(NamedTuple):
    """One request at the server, in whole milliseconds."""

    at_ms: int
    tokens: int


class FixedMinutes:
    """Counts by clock minutes that begin at `phase_ms`."""

    def __init__(self, rpm: float, tpm: float, phase_ms: int) -> None:
        self.rpm, self.tpm, self.phase_ms = rpm, tpm, phase_ms
        self.minute, self.requests, self.tokens = -1, 0, 0

    def admits(self, arrival: Arrival) -> bool:
        minute = (arrival.at_ms + self.phase_ms) // MINUTE_MS
        if minute != self.minute:
            self.minute, self.requests, self.tokens = minute, 0, 0
        self.requests += 1
        self.tokens += arrival.tokens
        return self.requests <= self.rpm and self.tokens <= self.tpm


class SlidingWindow:
    """Counts what came in the 60 s before."""

    def __init__(self, rpm: float, tpm: float, _phase_ms: int) -> None:
        self.rpm, self.tpm = rpm, tpm
        self.log: deque[Arrival] = deque()
        self.tokens = 0

    def admits(self, arrival: Arrival) -> bool:
        while self.log and self.log[0].at_ms <= arrival.at_ms - MINUTE_MS:
            self.tokens -= self.log.popleft().tokens
        self.log.append(arrival)
        self.tokens += arrival.tokens
        return len(self.log) <= self.rpm and self.tokens <= self.tpm


class TokenBucket:
    """Holds 2 requests and 2 s' worth, and a minute's tokens; both start full."""

    def __init__(self, rpm: float, tpm: float, _phase_ms: int) -> None:
        self.rates = rpm / MINUTE_MS, tpm / MINUTE_MS
        self.most = max(2.0, rpm / 30), tpm
        self.levels = list(self.most)
        self.at_ms = 0

    def admits(self, arrival: Arrival) -> bool:
        passed = arrival.at_ms - self.at_ms
        self.at_ms = arrival.at_ms
        needs = 1.0, float(arrival.tokens)
        for n, need in enumerate(needs):
            if self.rates[n] != math.inf:
                self.levels[n] = min(self.most[n], self.levels[n] + passed * self.rates[n]) - need
        return min(self.levels) >= -1e-6


SERVERS: list[type[FixedMinutes] | type[SlidingWindow] | type[TokenBucket]] = [
    FixedMinutes,
    SlidingWindow,
    TokenBucket,
]


def send_all(limiter: Limiter, sizes: list[int], start_s: float = 0.0) -> list[float]:
    """When each of these requests leaves, if every one is ready from the start."""
    now_s = start_s
    moments = []
    for tokens in sizes:
        # As the lane does: wait until it may leave, look again, and take.
        while (ready_s := limiter.ready_at_s(now_s, tokens)) > now_s:
            now_s = ready_s
        limiter.take(now_s, tokens)
        moments.append(now_s)
    return moments


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_429_from_any_server_that_counts_at_arrival(server: type, data: st.DataObject) -> None:
    rpm = data.draw(st.sampled_from([1, 2, 10, 60, 600, 5000, 100_000]))
    tpm = data.draw(st.sampled_from([None, 1000, 50_000, 1_000_000]))
    seed = data.draw(st.integers(0, 2**32))
    rng = random.Random(seed)
    most = 4000 if tpm is None else tpm
    share = data.draw(st.sampled_from([0.001, 0.01, 0.3, 1.0]))
    count = min(3 * rpm + 5, 4000)
    sizes = [rng.randint(0, max(1, int(most * share))) for _ in range(count)]
    start_s = data.draw(st.floats(0, 60))
    moments = send_all(Limiter(rpm=rpm, tpm=tpm, now_s=start_s), sizes, start_s)
    # The delay from send to count: some constant, and less than half a second around it.
    constant_ms = data.draw(st.integers(0, 120_000))
    arrivals = sorted(
        Arrival(math.floor(at_s * 1000) + constant_ms + rng.randint(0, 498), tokens)
        for at_s, tokens in zip(moments, sizes, strict=True)
    )
    counting = server(rpm, math.inf if tpm is None else tpm, data.draw(st.integers(0, 59_999)))
    refused = [arrival for arrival in arrivals if not counting.admits(arrival)]
    assert refused == []
    assert len(arrivals) == count >= 8


class Sent(NamedTuple):
    """One request that left, and what its answer turned out to have used."""

    at_s: float
    used_tokens: int


def send_and_settle(
    limiter: Limiter, sizes: list[tuple[int, int]], rng: random.Random, latency_s: float
) -> list[Sent]:
    """Requests of (reserved, used) tokens, all ready from the start; each is settled by its answer,
    which takes up to `latency_s` and may let the next leave earlier."""
    answers: list[tuple[float, int, Grant, int]] = []
    sent, now_s = [], 0.0
    for n, (reserved, used) in enumerate(sizes):
        while (ready_s := limiter.ready_at_s(now_s, reserved)) > now_s:
            if answers and answers[0][0] <= ready_s:
                now_s, _, grant, tokens = heapq.heappop(answers)
                limiter.settle(grant, used_tokens=tokens, now_s=now_s)
            else:
                now_s = ready_s
        sent.append(Sent(now_s, used))
        taken = limiter.take(now_s, reserved)
        heapq.heappush(answers, (now_s + rng.uniform(0, latency_s), n, taken, used))
    return sent


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_429_while_answers_settle_what_was_reserved(server: type, data: st.DataObject) -> None:
    """Whatever part of its reservation an answer uses, and however long it takes."""
    rpm = data.draw(st.sampled_from([1, 10, 60, 600, 100_000]))
    tpm = data.draw(st.sampled_from([None, 1000, 50_000, 1_000_000]))
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    most = int((tpm or 4000) * data.draw(st.sampled_from([0.01, 0.2, 1.0])))
    reserved = [rng.randint(1, max(1, most)) for _ in range(min(3 * rpm + 5, 600))]
    sizes = [(tokens, rng.randint(0, tokens)) for tokens in reserved]
    latency_s = data.draw(st.sampled_from([0.0, 1.0, 10.0, 120.0]))
    sent = send_and_settle(Limiter(rpm=rpm, tpm=tpm, now_s=0.0), sizes, rng, latency_s)
    assert [each.at_s for each in sent] == sorted(each.at_s for each in sent)
    constant_ms = data.draw(st.integers(0, 120_000))
    arrivals = sorted(
        Arrival(math.floor(each.at_s * 1000) + constant_ms + rng.randint(0, 498), each.used_tokens)
        for each in sent
    )
    counting = server(rpm, math.inf if tpm is None else tpm, data.draw(st.integers(0, 59_999)))
    assert [arrival for arrival in arrivals if not counting.admits(arrival)] == []


@pytest.mark.slow
def test_no_429_at_a_hundred_thousand_a_minute_from_any_of_the_servers() -> None:
    """Two minutes of it, at a delay from send to count that varies by half a second."""
    rpm, rng = 100_000, random.Random(5)
    moments = send_all(Limiter(rpm=rpm, tpm=None, now_s=0.0), [0] * (2 * rpm))
    arrivals = sorted(Arrival(math.floor(at_s * 1000) + rng.randint(0, 498), 0) for at_s in moments)
    refused = {}
    for server in SERVERS:
        counting = server(rpm, math.inf, 17_000)
        refused[server] = sum(not counting.admits(arrival) for arrival in arrivals)
    assert refused == dict.fromkeys(SERVERS, 0)
    assert len(arrivals) == 200_000


def test_a_look_costs_the_same_however_full_the_minute_is() -> None:
    """While a large job waits for a minute's tokens, each answer makes the lane look again."""

    class Counting(deque[Grant]):
        looked_at = 0

        def __iter__(self) -> Iterator[Grant]:
            for grant in super().__iter__():
                Counting.looked_at += 1
                yield grant

    limiter = Limiter(rpm=None, tpm=10_000, now_s=0.0)
    moments = send_all(limiter, [1] * 9_900)
    limiter._log = Counting(limiter._log)
    assert limiter.ready_at_s(moments[-1], 10_000) > moments[-1]
    assert Counting.looked_at <= LOOKED_AT + 1
    # And it leaves when the last of the small ones is over, no earlier and no later.
    assert send_all(limiter, [10_000], moments[-1]) == [moments[-1] + WINDOW_S]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rpm", "least"), [(10, 0.98), (60, 0.98), (600, 0.99), (5000, 0.99), (100_000, 0.99)]
)
def test_the_use_of_the_request_limit_past_the_first_minute(rpm: int, least: float) -> None:
    moments = send_all(Limiter(rpm=rpm, tpm=None, now_s=0.0), [0] * (4 * rpm))
    used = sum(1 for at_s in moments if 60 <= at_s < 180)
    assert used >= least * 2 * rpm


@pytest.mark.parametrize("tpm", [10_000, 100_000, 3_000_000])
def test_the_use_of_the_token_limit_past_the_first_minute(tpm: int) -> None:
    rng = random.Random(tpm)
    sizes = [rng.randint(1, tpm // 100) for _ in range(1000)]
    moments = send_all(Limiter(rpm=None, tpm=tpm, now_s=0.0), sizes)
    used = sum(n for at_s, n in zip(moments, sizes, strict=True) if 60 <= at_s < 180)
    assert used >= 0.98 * 2 * tpm


@pytest.mark.parametrize("rpm", [1, 30, 60, 600, 6000])
def test_requests_leave_evenly_at_most_one_percent_ahead(rpm: int) -> None:
    moments = send_all(Limiter(rpm=rpm, tpm=None, now_s=0.0), [0] * (2 * rpm + 3))
    ahead = max(1.0, AHEAD * rpm)
    assert len(moments) == 2 * rpm + 3
    for n, at_s in enumerate(moments):
        assert n + 1 <= ahead + at_s * rpm / 60 + 1e-6


def test_the_first_minute_does_not_hold_twice_the_limit() -> None:
    """Buckets that start full with a minute's worth send twice the limit in the first minute."""
    moments = send_all(Limiter(rpm=60, tpm=None, now_s=0.0), [0] * 130)
    assert sum(at_s < 60 for at_s in moments) == 60


def test_order_of_arrival_is_kept_and_a_large_job_is_not_starved() -> None:
    """A job of the whole minute's tokens waits for it, and nothing behind it goes first."""
    limiter = Limiter(rpm=None, tpm=1000, now_s=0.0)
    moments = send_all(limiter, [10, 1000, 10, 10])
    assert moments == sorted(moments)
    assert moments[1] == moments[0] + WINDOW_S
    assert moments[2] >= moments[1] + WINDOW_S


def test_what_an_answer_did_not_use_is_free_at_once() -> None:
    limiter = Limiter(rpm=None, tpm=1000, now_s=0.0)
    grant = limiter.take(0.0, 1000)
    assert limiter.ready_at_s(1.0, 500) == WINDOW_S
    limiter.settle(grant, used_tokens=100, now_s=1.0)
    # What is left to wait for is the even pace: 100 tokens at 1000 a minute.
    assert limiter.ready_at_s(1.0, 500) == pytest.approx(6.0)


def test_tokens_come_back_from_an_error_too() -> None:
    """Given back only on success, they starve the run after errors."""
    limiter, moments = Limiter(rpm=None, tpm=1000, now_s=0.0), []
    for n in range(50):
        moments.append(limiter.ready_at_s(float(n), 600))
        limiter.settle(limiter.take(moments[-1], 600), used_tokens=0, now_s=moments[-1])
    assert moments == [float(n) for n in range(50)]


def test_an_overrun_is_made_good_by_those_that_follow() -> None:
    limiter = Limiter(rpm=None, tpm=1000, now_s=0.0)
    limiter.settle(limiter.take(0.0, 10), used_tokens=900, now_s=0.0)
    # Only 100 of the window are left, and the bucket owes 890 at 1000 a minute.
    assert limiter.ready_at_s(0.0, 101) == WINDOW_S
    assert limiter.ready_at_s(0.0, 10) == pytest.approx(900 / 1000 * 60)


def test_a_figure_that_is_wrong_by_far_holds_the_lane_for_a_minute_at_most() -> None:
    limiter = Limiter(rpm=None, tpm=6000, now_s=0.0)
    grant = limiter.take(0.0, 10)
    limiter.settle(grant, used_tokens=2**50, now_s=1.0)
    assert limiter.ready_at_s(1.0, 10) == WINDOW_S
    assert limiter.ready_at_s(WINDOW_S, 10) == WINDOW_S


def test_a_settlement_after_the_window_does_not_bend_it() -> None:
    limiter = Limiter(rpm=None, tpm=1000, now_s=0.0)
    grant = limiter.take(0.0, 1000)
    assert limiter.ready_at_s(WINDOW_S, 1000) == WINDOW_S
    limiter.take(WINDOW_S, 1000)
    limiter.settle(grant, used_tokens=0, now_s=WINDOW_S + 1)
    assert limiter.ready_at_s(WINDOW_S + 1, 1) == 2 * WINDOW_S


def test_an_earlier_sessions_last_minute_counts() -> None:
    limiter = Limiter(rpm=3, tpm=None, now_s=100.0)
    for at_s in (45.0, 60.0, 99.0):
        limiter.remember(at_s, 0)
    assert limiter.ready_at_s(100.0, 0) == 45.0 + WINDOW_S


def test_a_server_that_allows_less_is_followed_and_never_more() -> None:
    limiter = Limiter(rpm=600, tpm=None, now_s=0.0)
    limiter.lower_rpm(6000, 0.0)
    assert limiter.rpm == 600
    limiter.lower_rpm(6, 0.0)
    moments = send_all(limiter, [0] * 4)
    assert moments == pytest.approx([10.0, 20.0, 30.0, 40.0])
    limiter.lower_rpm(60, 50.0)
    assert limiter.rpm == 6


def test_what_another_client_left_is_kept_to_and_more_is_tried_now_and_then() -> None:
    limiter = Limiter(rpm=60, tpm=None, now_s=0.0)
    moments = send_all(limiter, [0] * 45)
    limiter.share(moments[-1])
    assert limiter.rpm == 60  # in the first minute there is no telling
    now_s = send_all(limiter, [0] * 35, 61.0)[-1]
    limiter.share(now_s)
    # The 35, and those of the first that the minute still holds.
    assert limiter.rpm == 35 + sum(at_s > now_s - WINDOW_S for at_s in moments) == 45
    limiter.share(now_s)
    assert limiter.rpm == 40  # a tenth less than 45
    for minutes in range(1, 100):
        limiter.ready_at_s(now_s + minutes * 300, 0)
    assert limiter.rpm == 60


def test_a_refusal_of_our_own_making_lowers_nothing() -> None:
    limiter = Limiter(rpm=60, tpm=None, now_s=0.0)
    now_s = send_all(limiter, [0] * 100)[-1]
    limiter.share(now_s)
    assert limiter.rpm == 60


def test_without_limits_nothing_waits_and_nothing_is_kept() -> None:
    limiter = Limiter(rpm=None, tpm=None, now_s=0.0)
    assert send_all(limiter, [10**9] * 100) == [0.0] * 100
    assert len(limiter._log) == 0
