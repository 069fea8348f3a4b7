"""The concurrency that is found, against services of known capacity written here."""

import heapq
import random
from collections import deque
from collections.abc import Callable

import pytest

from headrace.runner.limits.adaptive import HOLD_S, START, AdaptiveLimit

Latency = Callable[[random.Random], float]


class Queueing:
    """`capacity` answers are made at once, each in its own time; the rest queue. None: any number.

    As much is sent as the limit allows, all the time.
    """

    def __init__(self, capacity: int | None, latency: Latency, seed: int = 1) -> None:
        self.capacity = capacity
        self.latency = latency
        self.rng = random.Random(seed)
        self.limit = AdaptiveLimit(10_000, now_s=0.0)
        self.now_s = 0.0
        self.ends: list[float] = []
        self.queued: deque[None] = deque()
        self.highest = 0

    @property
    def in_flight(self) -> int:
        return len(self.ends) + len(self.queued)

    def _start(self) -> None:
        heapq.heappush(self.ends, self.now_s + self.latency(self.rng))

    def answer(self, count: int) -> None:
        for _ in range(count):
            while self.in_flight < int(self.limit.limit):
                if self.capacity is None or len(self.ends) < self.capacity:
                    self._start()
                else:
                    self.queued.append(None)
            self.highest = max(self.highest, self.in_flight)
            self.now_s = heapq.heappop(self.ends)
            if self.queued:
                self.queued.popleft()
                self._start()
            self.limit.answered(held_back=True, now_s=self.now_s)


def steady(_rng: random.Random) -> float:
    return 1.0


def uneven(rng: random.Random) -> float:
    """As answers of many lengths take: some ten times as long as others."""
    return rng.lognormvariate(0, 0.7)


@pytest.mark.parametrize("latency", [steady, uneven])
@pytest.mark.parametrize("capacity", [40, 100, 400])
def test_it_stops_where_more_in_flight_brings_no_more_answers(
    capacity: int, latency: Latency
) -> None:
    """The service queues beyond its capacity: the limit comes to rest near it."""
    service = Queueing(capacity, latency)
    service.answer(capacity * 60)
    assert 0.9 * capacity <= service.limit.limit <= 3 * capacity
    # Doubling shows it only once the next round is under way.
    assert service.highest <= 8 * capacity
    began_s = service.now_s
    service.answer(capacity * 20)
    # All of the capacity is used: in the mean an answer takes 1 s, or exp(0.7^2 / 2) = 1.28 s.
    mean_s = 1.0 if latency is steady else 1.278
    assert capacity * 20 / (service.now_s - began_s) >= 0.9 * capacity / mean_s


@pytest.mark.parametrize("latency", [steady, uneven])
def test_it_goes_on_growing_where_only_latency_bounds_the_throughput(latency: Latency) -> None:
    """Twice as many in flight bring twice as many answers: 16, 32, 64 ... up to the most."""
    service = Queueing(None, latency)
    service.answer(12_000)
    assert service.limit.limit == 10_000


def test_it_tries_for_more_once_a_limit_was_kept_for_a_while() -> None:
    """A service that has grown is found out."""
    service = Queueing(40, steady)
    service.answer(40 * 30)
    before = service.limit.limit
    service.capacity = 400
    began_s = service.now_s
    while service.limit.limit < 300:
        service.answer(100)
    assert before <= 120
    assert service.now_s - began_s <= 30 * HOLD_S


def test_it_halves_once_for_all_that_were_sent_before_it_fell() -> None:
    limit = AdaptiveLimit(1000, now_s=0.0)
    for _ in range(16):
        limit.overloaded(sent_at_s=0.0, now_s=5.0)
    assert limit.limit == START / 2
    limit.overloaded(sent_at_s=5.5, now_s=6.0)
    assert limit.limit == START / 4
    for n in range(20):
        limit.overloaded(sent_at_s=7.0 + n, now_s=7.5 + n)
    assert limit.limit == 1.0


def test_after_it_fell_it_grows_by_one_for_each_round_of_answers() -> None:
    limit = AdaptiveLimit(1000, now_s=0.0)
    limit.overloaded(sent_at_s=0.0, now_s=0.0)
    for n in range(8):
        limit.answered(held_back=True, now_s=1.0 + n / 100)
    assert 8.9 < limit.limit < 9.0


def test_it_does_not_grow_while_something_else_holds_the_run_back() -> None:
    limit = AdaptiveLimit(1000, now_s=0.0)
    for n in range(1000):
        limit.answered(held_back=False, now_s=n / 100)
    assert limit.limit == START


def test_it_never_exceeds_the_most() -> None:
    limit = AdaptiveLimit(20, now_s=0.0)
    for n in range(1000):
        limit.answered(held_back=True, now_s=n / 100)
    assert limit.limit <= 20
    assert AdaptiveLimit(4, now_s=0.0).limit == 4
