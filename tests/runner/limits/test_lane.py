"""The lane: one cool-down for all, one judgement of whether the service is up."""

import random

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import OUTAGE_AFTER
from headrace.runner.limits.lane import Lane
from headrace.runner.limits.limiter import Grant, Limiter
from headrace.runner.retries.failure import Failure

DOWN = Failure("http", "bad gateway", status=502)


def refusal(asked_s: float | None = None) -> Failure:
    return Failure("http", "too many", status=429, retry_after_s=asked_s)


class Half(random.Random):
    """Draws the middle of whatever range it is asked for."""

    def random(self) -> float:
        return 0.5


def lane_of(
    *,
    tpm: int | None = None,
    deadline_s: float = 86400.0,
    outage_limit_s: float = 1800.0,
    rng: random.Random | None = None,
) -> Lane:
    limiter = Limiter(rpm=None, tpm=tpm, now_s=trio.current_time())
    rng = random.Random(3) if rng is None else rng
    return Lane(limiter, deadline_s=deadline_s, outage_limit_s=outage_limit_s, rng=rng)


async def admit(lane: Lane, tokens: int) -> Grant:
    """Leave for the next request, as a dispatcher asks for it."""
    await lane.until_ready(lambda: tokens)
    grant = lane.take(trio.current_time(), tokens)
    assert grant is not None
    return grant


async def test_one_cool_down_for_all_that_were_in_flight(autojump_clock: MockClock) -> None:
    lane = lane_of()
    grants = [await admit(lane, 0) for _ in range(5)]
    await trio.sleep(1)
    for grant in grants:
        lane.failed(grant, refusal(10), sent_at_s=0.0)
    await admit(lane, 0)
    assert trio.current_time() == 11.0
    assert (lane.cool_downs, lane.cool_down_s) == (1, 10.0)


async def test_a_longer_wish_lengthens_the_same_cool_down(autojump_clock: MockClock) -> None:
    lane = lane_of()
    first, second = await admit(lane, 0), await admit(lane, 0)
    lane.failed(first, refusal(10), sent_at_s=0.0)
    lane.failed(second, refusal(25), sent_at_s=0.0)
    await admit(lane, 0)
    assert trio.current_time() == 25.0
    assert (lane.cool_downs, lane.cool_down_s) == (1, 25.0)


async def test_503_between_answers_cools_down_as_429_does(autojump_clock: MockClock) -> None:
    """As a proxy's limit_req says it; a 503 while no answers come is a service that is down."""
    lane = lane_of()
    busy = Failure("http", "busy", status=503, retry_after_s=10)
    first, second, third = [await admit(lane, 0) for _ in range(3)]
    lane.answered(first, used_tokens=None, now_s=trio.current_time())
    await trio.sleep(1)
    lane.failed(second, busy, sent_at_s=0.0)
    assert (lane.cool_downs, second.refused, lane.held_until_s) == (1, True, 11.0)
    await trio.sleep(60)
    lane.failed(third, busy, sent_at_s=30.0)
    assert (lane.cool_downs, third.refused) == (1, False)


@pytest.mark.parametrize(("quiet_s", "outage"), [(600.0, False), (600.1, True)])
async def test_a_504_after_a_long_wait_is_no_outage_for_ten_minutes_after_an_answer(
    autojump_clock: MockClock, quiet_s: float, *, outage: bool
) -> None:
    lane = lane_of()
    grants = [await admit(lane, 0) for _ in range(41)]
    lane.answered(grants.pop(), used_tokens=None, now_s=trio.current_time())
    await trio.sleep(quiet_s)
    for grant in grants:
        lane.failed(grant, Failure("http", "m", status=504), sent_at_s=quiet_s - 10.0)
    assert (lane.outage_since_s is not None) == outage


async def test_without_retry_after_the_lane_backs_off_once_more_each_time(
    autojump_clock: MockClock,
) -> None:
    """By half of 2, of 4 and of 8 s, each half a second after its request was sent."""
    lane = lane_of(rng=Half())
    for held_until_s in (1.5, 4.0, 8.5):
        grant = await admit(lane, 0)
        sent_at_s = trio.current_time()
        await trio.sleep(0.5)
        lane.failed(grant, refusal(), sent_at_s=sent_at_s)
        assert lane.held_until_s == held_until_s
    await admit(lane, 0)
    assert trio.current_time() == 8.5


async def test_a_real_429_makes_the_next_request_wait_that_is_waiting_already(
    autojump_clock: MockClock,
) -> None:
    """The refusal comes while the next request waits for tokens: it must wait for both."""
    lane = lane_of(tpm=1000)
    grant = await admit(lane, 1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(admit, lane, 500)
        await trio.sleep(1)
        lane.failed(grant, refusal(30), sent_at_s=0.0)
    assert trio.current_time() == 31.0


async def test_a_wish_beyond_the_deadline_does_not_hold_the_lane(
    autojump_clock: MockClock,
) -> None:
    lane = lane_of(deadline_s=100.0)
    lane.failed(await admit(lane, 0), refusal(1e9), sent_at_s=0.0)
    await admit(lane, 0)
    assert trio.current_time() <= 2.0


async def test_a_timeout_keeps_its_tokens_and_an_error_answer_gives_them_back(
    autojump_clock: MockClock,
) -> None:
    lane = lane_of(tpm=1000)
    lane.failed(await admit(lane, 500), DOWN, sent_at_s=0.0)
    lane.failed(await admit(lane, 1000), Failure("timeout", "silence"), sent_at_s=0.0)
    await admit(lane, 1)
    assert trio.current_time() == 60.5


async def in_an_outage(lane: Lane) -> None:
    for _ in range(OUTAGE_AFTER):
        assert lane.outage_since_s is None
        lane.failed(await admit(lane, 0), DOWN, sent_at_s=trio.current_time())
    assert lane.outage_since_s == trio.current_time()


async def test_an_outage_sends_one_probe_at_a_time_until_one_gets_through(
    autojump_clock: MockClock,
) -> None:
    lane = lane_of()
    await in_an_outage(lane)
    moments = []
    for wait_s in (1, 2, 4, 8, 16, 32, 60, 60):
        before_s = trio.current_time()
        probe = await admit(lane, 0)
        moments.append(trio.current_time() - before_s)
        assert moments[-1] == wait_s
        with trio.move_on_after(1000) as second:
            await admit(lane, 0)
        assert second.cancelled_caught
        lane.failed(probe, DOWN, sent_at_s=trio.current_time())
    probe = await admit(lane, 0)
    lane.answered(probe, used_tokens=None, now_s=trio.current_time())
    now_s = trio.current_time()
    await admit(lane, 0)
    await admit(lane, 0)
    assert trio.current_time() == now_s
    assert lane.outage_since_s is None


async def test_an_answer_in_between_is_no_outage(autojump_clock: MockClock) -> None:
    lane = lane_of()
    for n in range(3 * OUTAGE_AFTER):
        grant = await admit(lane, 0)
        if n % OUTAGE_AFTER == OUTAGE_AFTER - 1:
            lane.answered(grant, used_tokens=None, now_s=trio.current_time())
        else:
            lane.failed(grant, DOWN, sent_at_s=0.0)
    assert lane.outage_since_s is None


async def test_a_refusal_of_the_job_ends_an_outage(autojump_clock: MockClock) -> None:
    """A 400 comes from a service that works."""
    lane = lane_of()
    await in_an_outage(lane)
    lane.failed(await admit(lane, 0), Failure("http", "bad", status=400), sent_at_s=0.0)
    assert lane.outage_since_s is None


async def test_a_probe_that_brings_no_answer_is_not_the_last(autojump_clock: MockClock) -> None:
    """A 200 with nothing in it is not a failure of the service; after it nothing more was sent."""
    lane = lane_of()
    await in_an_outage(lane)
    empty = Failure("protocol", "the answer has no choices", status=200, final=True)
    lane.failed(await admit(lane, 0), empty, sent_at_s=trio.current_time())
    now_s = trio.current_time()
    await admit(lane, 0)
    assert trio.current_time() == now_s
    assert lane.outage_since_s is None


async def test_an_outage_over_its_limit_is_told(autojump_clock: MockClock) -> None:
    lane = lane_of(outage_limit_s=30)
    await in_an_outage(lane)
    while not lane.outage_over_limit.is_set():
        lane.failed(await admit(lane, 0), DOWN, sent_at_s=trio.current_time())
    # Probes after 1, 2, 4, 8, 16 s: the first that fails 30 s or more into the outage tells.
    assert trio.current_time() == pytest.approx(31.0)


async def test_what_may_leave_at_once_leaves_by_a_clock_that_moves_between_two_looks() -> None:
    """The real one does. Ready "now" was asked of a later look, and never was."""
    with trio.move_on_after(5) as waited:
        await admit(lane_of(), 5)
    assert not waited.cancelled_caught
