"""Shares of the limits: the workers together keep to them, however late messages are."""

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.jobs import Limits, ModelLimits
from headrace.runner.limits import WINDOW_S, Lanes, LaneUse, Share, SharedLane, lanes_for
from headrace.runner.workers import SHARE_LASTS_S, Allotment, Dealer, Past, Shares
from headrace.runner.workers.terms import SlotUse

AT_ONCE = LaneUse(waits_for="requests", pace=1)


def limits_of(rpm: int | None, tpm: int | None = None, **models: ModelLimits) -> Limits:
    return Limits(rpm=rpm, tpm=tpm, concurrency=None, models=models)


def lanes_of(limits: Limits) -> Lanes:
    return lanes_for(
        limits,
        deadline_s=60.0,
        outage_limit_s=60.0,
        rng=random.Random(1),
        now_s=0.0,
        kind=SharedLane,
    )


def settled(shares: Shares, uses: dict[str, LaneUse], now_s: float) -> list[int]:
    """What the workers are told of requests, once each has heard and reported a few times."""
    for _ in range(4):
        for worker, use in uses.items():
            told = shares.lanes_of(worker, now_s)[0].requests
            held = use.held_requests if told is None else max(use.held_requests, told.window)
            lane = [LaneUse(held, waits_for=use.waits_for, pace=use.pace)]
            shares.report(worker, lane, None, acknowledged=True, now_s=now_s)
        shares.deal(list(uses), now_s)
    return [cast(Share, shares.lanes_of(each, now_s)[0].requests).window for each in uses]


def shares_of(rpm: int | None, workers: str, tpm: int | None = None) -> Shares:
    shares = Shares(limits_of(rpm, tpm), slots=None, now_s=0.0)
    for worker in workers:
        shares.join(worker)
    return shares


def test_a_limit_is_dealt_evenly_before_anybody_has_said_a_word() -> None:
    shares = shares_of(602, "abcd")
    shares.deal(list("abcd"), 0.0)
    told = [shares.lanes_of(worker, 0.0)[0].requests for worker in "abcd"]
    assert told == [Share(151, 151), Share(151, 151), Share(150, 150), Share(150, 150)]


def test_there_is_a_worker_for_every_forty_requests_a_minute() -> None:
    """Each may be one request ahead, and a server's bucket holds 2 s' worth."""
    shares = shares_of(130, "abcdefgh")
    assert settled(shares, dict.fromkeys("abcdefgh", AT_ONCE), 0.0) == [44, 43, 43, 0, 0, 0, 0, 0]
    requests = shares.lanes[0].requests
    assert requests is not None
    assert [requests.stakes[worker].target > 0 for worker in "abcd"] == [True, True, True, False]
    small = shares_of(30, "ab")
    assert settled(small, dict.fromkeys("ab", AT_ONCE), 0.0) == [30, 0]


def test_no_job_is_more_than_a_hundredth_of_a_share_of_tokens() -> None:
    shares = shares_of(None, "abcd", tpm=1_000_000)
    use = LaneUse(waits_for="tokens", largest_tokens=4000, pace=1)
    for worker in "abcd":
        shares.report(worker, [use], None, acknowledged=True, now_s=0.0)
    assert shares.lanes[0].most_workers == 2


def test_what_a_worker_does_not_use_goes_to_who_waits_at_once() -> None:
    shares = shares_of(600, "abc")
    idle = LaneUse()
    assert settled(shares, {"a": AT_ONCE, "b": idle, "c": idle}, 0.0) == [600, 0, 0]
    assert settled(shares, {"a": AT_ONCE, "b": AT_ONCE, "c": idle}, 1.0) == [300, 300, 0]


def test_what_the_last_minute_sent_is_dealt_again_only_as_it_ends() -> None:
    shares = shares_of(600, "ab")
    settled(shares, {"a": AT_ONCE, "b": LaneUse()}, 0.0)
    done = LaneUse(held_requests=500, used_requests=500)
    shares.report("a", [done], None, acknowledged=True, now_s=9.0)
    shares.report("b", [AT_ONCE], None, acknowledged=True, now_s=9.0)
    shares.deal(["a", "b"], 9.0)
    shares.report("a", [done], None, acknowledged=True, now_s=10.0)  # heard that it has none
    shares.deal(["b"], 10.0)
    assert shares.lanes_of("b", 10.0)[0].requests == Share(pace=600, window=100)


def test_what_a_dead_worker_may_have_sent_counts_for_a_window() -> None:
    shares = shares_of(600, "ab")
    settled(shares, dict.fromkeys("ab", AT_ONCE), 0.0)
    shares.leave("a", 100.0)
    assert settled(shares, {"b": AT_ONCE}, 100.0 + WINDOW_S - 0.1) == [300]
    assert settled(shares, {"b": AT_ONCE}, 100.0 + WINDOW_S) == [600]


def test_what_a_dead_worker_is_known_to_have_sent_ends_one_by_one() -> None:
    shares = shares_of(600, "ab")
    settled(shares, dict.fromkeys("ab", AT_ONCE), 0.0)
    shares.leave("a", 100.0, sent=[("m", Past(90.0 + n, 5)) for n in range(10)])
    assert settled(shares, {"b": AT_ONCE}, 100.0) == [590]
    assert settled(shares, {"b": AT_ONCE}, 94.5 + WINDOW_S) == [595]


def test_an_earlier_sessions_last_minute_counts_in_its_own_lane() -> None:
    limits = limits_of(600, 6000, own=ModelLimits(rpm=60, tpm=None))
    shares = Shares(limits, slots=None, now_s=100.0)
    shares.remember([("m", Past(70.0, 1000)), ("own", Past(99.0, 5))])
    shares.join("a")
    shares.deal(["a"], 100.0)
    first, own = shares.lanes_of("a", 100.0)
    assert (first.requests, first.tokens) == (Share(600, 599), Share(6000, 5000))
    assert (own.requests, own.tokens) == (Share(60, 59), None)


def test_the_service_may_allow_less_and_never_more() -> None:
    shares = shares_of(600, "ab", tpm=1000)
    said = LaneUse(service_rpm=90, service_tpm=5000)
    shares.report("a", [said], None, acknowledged=True, now_s=1.0)
    lane = shares.lanes_of("a", 1.0)[0]
    assert (lane.rpm, lane.tpm) == (90, 1000)
    unlimited = shares_of(None, "ab")
    unlimited.report("a", [LaneUse(service_rpm=80)], None, acknowledged=True, now_s=1.0)
    assert settled(unlimited, {"a": AT_ONCE, "b": AT_ONCE}, 1.0) == [40, 40]
    tokens = shares_of(None, "a")
    tokens.report("a", [LaneUse(service_tpm=800)], None, acknowledged=True, now_s=1.0)
    assert tokens.lanes_of("a", 1.0)[0].tpm == 800


def test_another_client_of_the_key_shows_beside_what_all_workers_sent() -> None:
    shares = shares_of(600, "ab")
    full = LaneUse(used_requests=100, none_left=True)
    shares.report("b", [full], None, acknowledged=True, now_s=50.0)
    assert shares.lanes_of("a", 50.0)[0].rpm == 600  # in the first minute there is no telling
    for worker in "ab":
        shares.report(worker, [full], None, acknowledged=True, now_s=70.0)
    # 100 by b and then 200 by both; the second refusal takes a tenth off what was ours.
    assert shares.lanes_of("a", 70.0)[0].rpm == 90 or shares.lanes_of("a", 70.0)[0].rpm == 180
    for minutes in range(60):
        shares.deal([], 400.0 + 300 * minutes)
    assert shares.lanes_of("a", 70.0)[0].rpm == 600


def test_a_cool_down_of_one_worker_is_told_to_all() -> None:
    shares = shares_of(600, "ab")
    shares.report("a", [LaneUse(hold_s=20.0)], None, acknowledged=True, now_s=1.0)
    assert shares.lanes_of("b", 5.0)[0].hold_s == 16.0


def test_slots_are_held_until_what_is_in_flight_has_ended() -> None:
    shares = Shares(limits_of(None), slots=10, now_s=0.0)
    for worker in "ab":
        shares.join(worker)
    shares.deal(["a", "b"], 0.0)
    assert [shares.slots_of(worker) for worker in "ab"] == [5, 5]
    waits = SlotUse(held=5, in_flight=5, waits=True)
    for worker, use in (("a", waits), ("b", SlotUse(held=5))):
        shares.report(worker, [LaneUse()], use, acknowledged=True, now_s=1.0)
    shares.deal(["a", "b"], 1.0)
    shares.report("b", [LaneUse()], SlotUse(held=4, in_flight=4), acknowledged=True, now_s=2.0)
    shares.deal(["a", "b"], 2.0)
    assert shares.slots_of("a") == 6
    shares.leave("b", 3.0)
    shares.deal(["a"], 3.0)
    assert shares.slots_of("a") == 10


def test_a_silent_workers_share_is_void_a_window_after_it_ran_out() -> None:
    shares = shares_of(600, "ab")
    settled(shares, dict.fromkeys("ab", AT_ONCE), 0.0)
    shares.answered("a", 0.0)
    assert shares.expire(SHARE_LASTS_S + WINDOW_S - 0.1) == []
    assert shares.expire(SHARE_LASTS_S + WINDOW_S) == ["a"]
    assert settled(shares, {"b": AT_ONCE}, 80.0) == [600]


class Worker:
    """A real lane and allotment, with the messages that are under way to it and from it."""

    def __init__(self, limits: Limits) -> None:
        self.lanes = lanes_of(limits)
        slots: Any = SimpleNamespace(is_fixed=False, limit=0, in_flight=0, waiting=0, has_room=True)
        self.allotment = Allotment(self.lanes, slots, None, on_news=lambda: None)
        self.sent: list[Past] = []
        self.up: list[Any] = []
        self.down: list[Any] = []


class LateMessages:
    """A random course of reports, dealing, delays, deaths, joins and sending, with one lane."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.limit = rng.choice([20, 30, 100, 200])
        self.size = rng.choice([0, 1])  # tokens of a request, where those are limited
        self.limits = limits_of(None, self.limit) if self.size else limits_of(self.limit)
        self.now_s = 0.0
        self.dealer = Dealer(Shares(self.limits, slots=None, now_s=0.0), None)
        self.workers: dict[int, Worker] = {}
        self.sent: list[float] = []
        self.names = 0
        self.late = rng.choice([0.1, 0.5, 0.8])
        self.flowing = False
        for _ in range(rng.randint(1, 4)):
            self.join()

    def join(self) -> None:
        self.workers[self.names] = Worker(self.limits)
        self.dealer.join(self.names)
        self.names += 1

    def die(self) -> None:
        name = self.rng.choice(sorted(self.workers))
        worker = self.workers.pop(name)
        sent = [("m", each) for each in worker.sent if each.sent_at_s > self.now_s - WINDOW_S]
        self.dealer.leave(name, self.now_s, sent=sent if self.rng.random() < 0.5 else None)

    def step(self) -> None:
        """Some time, in which some report, are heard, are told and send."""
        rng = self.rng
        if rng.random() < 0.05 and len(self.workers) < 6:
            self.join()
        if rng.random() < 0.05 and len(self.workers) > 1:
            self.die()
        for worker in self.workers.values():
            if rng.random() < 0.8:
                worker.up.append(worker.allotment.report(self.now_s))
        self.hear()
        if rng.random() < 0.9:
            for name, terms in self.dealer.terms(self.now_s):
                self.workers[cast(int, name)].down.append(terms)
        self.tell()
        self.send(rng.choice([0.3, 1.0, 1.0, 1.0, 1.0, 4.0, 16.0]))

    def comes(self) -> bool:
        """Whether the next message does; most of those behind it come along."""
        come = self.rng.random() > self.late or self.flowing
        self.flowing = come and self.rng.random() < 0.9
        return come

    def hear(self) -> None:
        for name, worker in self.workers.items():
            while worker.up and self.comes():
                self.dealer.report(name, worker.up.pop(0), self.now_s)

    def tell(self) -> None:
        for worker in self.workers.values():
            while worker.down and self.comes():
                worker.allotment.take(worker.down.pop(0), self.now_s)

    def send(self, for_s: float) -> None:
        """All send what they may for so long, or all but some."""
        end_s, moments = self.now_s + for_s, []
        for worker in self.workers.values():
            if self.rng.random() < 0.2:
                continue  # it has no work for now
            lane, at_s = cast(SharedLane, worker.lanes.shared), self.now_s
            while (ready_s := lane.limiter.ready_at_s(at_s, self.size)) < end_s:
                if ready_s <= at_s:
                    lane.take(at_s, self.size)
                    lane.sent += 1
                    worker.sent.append(Past(at_s, self.size))
                    moments.append(at_s)
                at_s = max(at_s, ready_s)
            lane._note(end_s, self.size, waits=True)
        self.sent += sorted(moments)
        self.now_s = end_s

    def most_in_a_window(self) -> int:
        first, most = 0, 0
        for n, at_s in enumerate(self.sent):
            while self.sent[first] <= at_s - WINDOW_S + 1e-6:
                first += 1
            most = max(most, n + 1 - first)
        return most

    def most_dealt(self) -> int:
        """Of windows or of paces."""
        lane = self.dealer.shares.lanes[0]
        pool = lane.tokens if self.size else lane.requests
        assert pool is not None
        stakes = pool.stakes.values()
        return max(sum(each.held for each in stakes), sum(each.held_pace for each in stakes))


@pytest.mark.slow
@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_no_window_holds_more_than_the_limit_whatever_is_late(seed: int) -> None:
    course = LateMessages(seed)
    dealt = 0
    for _ in range(120):
        course.step()
        dealt = max(dealt, course.most_dealt())
    assert dealt == course.limit
    assert course.most_in_a_window() <= course.limit
    assert len(course.sent) > 10
