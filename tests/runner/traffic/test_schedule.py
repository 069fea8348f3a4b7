"""The schedule hands out what is due, and lets others have their turn."""

import time

import trio
from trio.testing import MockClock

from headrace.jobs import Job
from headrace.runner.alarm import open_alarm
from headrace.runner.pending import Pending
from headrace.runner.traffic.demand import MeasureWindow, OpenLoop
from headrace.runner.traffic.schedule import Schedule
from tests.runner.loop_workers import open_event_alarm


def job(index: int) -> Job:
    return Job(
        index=index,
        custom_id=str(index),
        url="/v1/chat/completions",
        model="m",
        stream=False,
        body=b"{}",
        body_digest="",
        input_estimate_tokens=1,
    )


class SlowPrompts:
    """Prompts of which each takes a millisecond to make."""

    def next(self, index: int, user: int = 0) -> Job:
        until_s = time.perf_counter() + 0.001
        while time.perf_counter() < until_s:
            pass
        return job(index)

    def answered(self, job: Job, text: str | None) -> None:
        """Nothing depends on it."""


class NotedPrompts:
    """Prompts that note when they are made."""

    def __init__(self, events: list[tuple[str, int]]) -> None:
        self._events = events

    def next(self, index: int, user: int = 0) -> Job:
        self._events.append(("made", index))
        return job(index)

    def answered(self, job: Job, text: str | None) -> None:
        """Nothing depends on it."""


async def test_what_is_due_at_once_does_not_keep_others_from_their_turn() -> None:
    """A hundred, for a tenth of a second: others run every few milliseconds, however slow it is."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    start_s = trio.current_time()
    demand = OpenLoop(
        MeasureWindow(start_s, 0.001, None), warm_up=iter(()), measured=iter([0.0] * 100)
    )
    with open_alarm() as alarm:
        schedule = Schedule(demand, SlowPrompts(), alarm=alarm, pend=Pending)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            for _ in range(100):
                taken = await schedule.take()
                assert taken is not None
                assert taken[1] == start_s
                schedule.done(taken[0], None)
            nursery.cancel_scope.cancel()
    # Each turn follows on at most 2 ms and one prompt more.
    assert turns >= 30


async def test_what_is_due_leaves_before_the_next_prompt_is_made(
    autojump_clock: MockClock,
) -> None:
    """trio runs ready tasks in any order: fifty times in a row it would not be by chance."""
    events: list[tuple[str, int]] = []

    async def leave(index: int) -> None:
        events.append(("left", index))

    due_s = [float(second) for second in range(1, 51)]
    window = MeasureWindow(trio.current_time(), 60.0, None)
    demand = OpenLoop(window, warm_up=iter(()), measured=iter(due_s))
    with open_event_alarm() as alarm:
        schedule = Schedule(demand, NotedPrompts(events), alarm=alarm, pend=Pending)
        async with trio.open_nursery() as nursery:
            for index in range(50):
                taken = await schedule.take()
                assert taken is not None
                nursery.start_soon(leave, index)
    assert events == [(what, index) for index in range(50) for what in ("made", "left")]


async def test_prompts_are_made_ahead_while_nothing_is_due(autojump_clock: MockClock) -> None:
    """Those of a burst are there when it comes; what takes long is not begun just before it."""
    made_at: list[float] = []
    start_s = trio.current_time()

    def make_ahead() -> bool:
        if len(made_at) == 3:
            return False
        made_at.append(trio.current_time() - start_s)
        return True

    window = MeasureWindow(start_s, None, 3)
    demand = OpenLoop(window, warm_up=iter(()), measured=iter([5.0, 5.0, 5.0]))
    with open_event_alarm() as alarm:
        schedule = Schedule(
            demand, NotedPrompts([]), alarm=alarm, pend=Pending, make_ahead=make_ahead
        )
        taken = [await schedule.take() for _ in range(3)]
    assert [each and each[1] - start_s for each in taken] == [5.0, 5.0, 5.0]
    assert made_at == [0.0, 0.0, 0.0]


async def test_a_prompt_that_takes_too_long_is_not_begun_before_what_is_due(
    mock_clock: MockClock,
) -> None:
    made_at: list[float] = []
    start_s = trio.current_time()

    def make_ahead() -> bool:
        made_at.append(trio.current_time() - start_s)
        mock_clock.jump(0.4)
        return True

    demand = OpenLoop(MeasureWindow(start_s, None, 1), warm_up=iter(()), measured=iter([1.0]))
    with open_event_alarm() as alarm:
        schedule = Schedule(
            demand, NotedPrompts([]), alarm=alarm, pend=Pending, make_ahead=make_ahead
        )
        with trio.move_on_after(0.9):
            mock_clock.autojump_threshold = 0
            await schedule.take()
    assert made_at == [0.0]
