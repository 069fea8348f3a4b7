"""A worker's lane: what it waits for, and what it tells of that; in virtual time."""

import random
from collections.abc import Callable

import trio
from trio.testing import MockClock

from headrace.runner.limits import Grant, LaneShare, Share, SharedLane
from headrace.runner.limits.shared_limiter import SharedLimiter
from headrace.runner.retries.failure import Failure


class Told:
    """Counts what was to be told at once."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def lane_of(
    requests: Share | None,
    tokens: Share | None = None,
    *,
    on_news: Callable[[], None] | None = None,
) -> SharedLane:
    """A lane with this share, whole limits of 600 and 60,000."""
    now_s = trio.current_time()
    limiter = SharedLimiter(
        rpm=None if requests is None else 600, tpm=None if tokens is None else 60_000, now_s=now_s
    )
    lane = SharedLane(limiter, deadline_s=600.0, outage_limit_s=600.0, rng=random.Random(1))
    lane.on_news = on_news
    share = LaneShare(requests, tokens, rpm=600, tpm=None if tokens is None else 60_000)
    lane.set_share(share, now_s=now_s, until_s=1e9)
    return lane


async def admit(lane: SharedLane, tokens: int = 0) -> Grant:
    await lane.until_ready(lambda: tokens)
    grant = lane.take(trio.current_time(), tokens)
    assert grant is not None
    lane.sent += 1
    return grant


async def test_a_share_that_comes_lets_the_next_request_leave(autojump_clock: MockClock) -> None:
    told = Told()
    lane = lane_of(Share(0, 0), on_news=told)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(admit, lane)
        await trio.sleep(3)
        assert lane.use(trio.current_time()).waits_for == "requests"
        lane.set_share(
            LaneShare(Share(60, 60), None, rpm=600, tpm=None),
            now_s=trio.current_time(),
            until_s=1e9,
        )
    assert trio.current_time() == 4.0
    assert told.times == 1


async def test_it_says_which_limit_it_waits_for_and_how_large_its_job_is(
    autojump_clock: MockClock,
) -> None:
    lane = lane_of(Share(600, 600), Share(6000, 6000))
    lane.use(trio.current_time())
    for _ in range(5):
        await admit(lane, 500)
    use = lane.use(trio.current_time())
    assert (use.waits_for, use.largest_tokens) == ("tokens", 500)
    assert (use.used_requests, use.used_tokens, use.held_tokens) == (5, 2500, 6000)
    await trio.sleep(5)
    assert lane.use(trio.current_time()).waits_for is None


async def test_the_pace_is_that_of_the_last_seconds(autojump_clock: MockClock) -> None:
    lane = lane_of(Share(600, 600))
    for _ in range(20):
        lane.use(trio.current_time())
        for _ in range(10):
            await admit(lane)
    assert lane.use(trio.current_time()).pace == 600
    await trio.sleep(30)
    lane.use(trio.current_time())
    await trio.sleep(1)
    assert lane.use(trio.current_time()).pace == 0


async def test_a_cool_down_is_told_at_once_and_anothers_is_kept_to(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    lane = lane_of(Share(600, 600), on_news=told)
    grant = await admit(lane)
    refusal = Failure("http", "too many", status=429, retry_after_s=20.0)
    lane.failed(grant, refusal, sent_at_s=trio.current_time(), remaining=0)
    assert told.times == 1
    use = lane.use(trio.current_time())
    assert (use.hold_s, use.none_left) == (20.0, True)
    assert not lane.use(trio.current_time()).none_left
    assert lane.limiter.rpm == 600  # what another client takes is for the coordinator to tell
    now_s = trio.current_time()
    share = LaneShare(Share(600, 600), None, rpm=600, tpm=None, hold_s=50.0)
    lane.set_share(share, now_s=now_s, until_s=1e9)
    await admit(lane)
    assert trio.current_time() == now_s + 50
    assert lane.use(trio.current_time()).hold_s == 0.0


async def test_a_limit_of_the_service_is_told_once_where_it_is_less_than_the_whole(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    lane = lane_of(Share(60, 60), Share(6000, 6000), on_news=told)
    lane.apply_service_limit(rpm=600, tpm=100_000)
    lane.apply_service_limit(rpm=None, tpm=0)
    assert told.times == 0
    lane.apply_service_limit(rpm=300, tpm=None)
    lane.apply_service_limit(rpm=300, tpm=50_000)
    lane.apply_service_limit(rpm=400, tpm=50_000)
    use = lane.use(trio.current_time())
    assert (use.service_rpm, use.service_tpm, told.times) == (300, 50_000, 2)
    assert lane.use(trio.current_time()).service_rpm is None
