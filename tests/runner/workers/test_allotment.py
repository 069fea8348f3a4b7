"""A worker's side: what it reports, and which terms it takes."""

import random
from typing import Any

import pytest

from headrace.jobs import Limits
from headrace.runner.limits import Lanes, LaneShare, Share, SharedLane, lanes_for
from headrace.runner.workers import SHARE_LASTS_S, Allotment, WorkerTerms

LIMITS = Limits(rpm=600, tpm=None, concurrency=None)


class Slots:
    """Stands in for the concurrency."""

    def __init__(self, *, is_fixed: bool) -> None:
        self.is_fixed = is_fixed
        self.limit = 16
        self.in_flight = 0
        self.waiting = 0
        self.has_room = True

    def set_fixed(self, fixed: int) -> None:
        self.limit = fixed


@pytest.fixture
def lanes() -> Lanes:
    rng = random.Random(1)
    return lanes_for(
        LIMITS, deadline_s=60.0, outage_limit_s=60.0, rng=rng, now_s=0.0, kind=SharedLane
    )


def allotment_of(lanes: Lanes, slots: Any = None) -> Allotment:
    slots = Slots(is_fixed=False) if slots is None else slots
    return Allotment(lanes, slots, None, on_news=lambda: None)


def terms_of(number: int, answers: int, window: int = 600, slots: int | None = None) -> WorkerTerms:
    share = LaneShare(Share(600, window), None, rpm=600, tpm=None)
    return WorkerTerms(number, answers, [share], slots)


def test_terms_last_from_the_report_that_they_answer(lanes: Lanes) -> None:
    allotment, limiter = allotment_of(lanes), lanes.shared.limiter
    assert allotment.report(10.0).number == 1
    assert allotment.report(11.0).number == 2
    allotment.take(terms_of(1, 2), 14.0)
    assert limiter.ready_at_s(11.0 + SHARE_LASTS_S - 0.1, 0) < 11.0 + SHARE_LASTS_S
    assert limiter.ready_at_s(11.0 + SHARE_LASTS_S, 0) == float("inf")
    assert (allotment.report(15.0).applied, allotment.report(15.0).lapsed) == (1, False)


def test_what_answers_a_report_from_before_the_terms_ran_out_is_void(lanes: Lanes) -> None:
    allotment, limiter = allotment_of(lanes), lanes.shared.limiter
    allotment.report(0.0)
    allotment.take(terms_of(1, 1), 0.0)
    for second in range(1, 16):
        allotment.report(float(second))
    last = allotment.report(16.0)
    assert (last.number, last.lapsed, last.lanes[0].held_requests) == (17, True, 0)
    allotment.take(terms_of(1, 15), 16.5)  # it would last until 29
    assert limiter.rpm == 0
    allotment.take(terms_of(1, 16), 16.5)  # the first that told of it
    assert limiter.rpm == 600


def test_older_terms_are_let_pass_by(lanes: Lanes) -> None:
    allotment = allotment_of(lanes)
    allotment.report(0.0)
    allotment.take(terms_of(2, 1, window=300), 1.0)
    allotment.take(terms_of(1, 1, window=600), 1.0)
    assert lanes.shared.limiter.rpm == 300


def test_slots_are_shared_where_their_number_is_fixed(lanes: Lanes) -> None:
    slots = Slots(is_fixed=True)
    allotment = allotment_of(lanes, slots)
    assert slots.limit == 0
    slots.waiting, slots.has_room, slots.in_flight = 1, False, 3
    use = allotment.report(0.0).slots
    assert use is not None
    assert (use.held, use.in_flight, use.waits) == (3, 3, True)
    allotment.take(terms_of(1, 1, slots=5), 1.0)
    assert slots.limit == 5


def test_slots_that_a_run_finds_itself_are_not_shared(lanes: Lanes) -> None:
    slots = Slots(is_fixed=False)
    assert allotment_of(lanes, slots).report(0.0).slots is None
    assert slots.limit == 16
