"""Waiting for a moment: never before it, close behind it, and woken by a ring."""

import sys

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from headrace.runner import alarm as alarms
from headrace.runner.alarm import (
    Alarm,
    EventAlarm,
    TimerAlarm,
    open_alarm,
)
from tests.runner.loop_workers import open_event_alarm


async def test_in_virtual_time_it_wakes_at_the_moment(autojump_clock: MockClock) -> None:
    woken_s = []
    with open_event_alarm() as alarm:
        for moment_s in (0.5, 0.5, 0.25, 3.0):
            await alarm.wait_until(moment_s)
            woken_s.append(trio.current_time())
    assert woken_s == [0.5, 0.5, 0.5, 3.0]


async def ring_after_a_turn(alarm: Alarm) -> None:
    await wait_all_tasks_blocked()
    alarm.ring()


@pytest.mark.parametrize("kind", ["event", "timer"])
async def test_a_ring_wakes_the_one_who_waits_or_the_next(kind: str) -> None:
    with open_event_alarm() if kind == "event" else open_alarm() as alarm:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ring_after_a_turn, alarm)
            with trio.fail_after(5):
                await alarm.wait_until(float("inf"))
        alarm.ring()
        alarm.ring()
        with trio.fail_after(5):
            await alarm.wait_until(float("inf"))
        # A ring counts once.
        with trio.move_on_after(0.01) as scope:
            await alarm.wait_until(float("inf"))
        assert scope.cancelled_caught


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
async def test_a_timer_is_finer_than_trio_s_clock() -> None:
    """Of waits of 1.5 ms, the best is within a quarter of a millisecond; epoll alone makes it 2."""
    late_s: list[float] = []
    with open_alarm() as alarm:
        assert isinstance(alarm, TimerAlarm)
        for _ in range(40):
            due_s = trio.current_time() + 0.0015
            await alarm.wait_until(due_s)
            late_s.append(trio.current_time() - due_s)
    assert min(late_s) >= 0
    assert min(late_s) < 0.00025


async def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    with open_alarm() as alarm, trio.move_on_after(5) as waited:
        await alarm.wait_until(trio.current_time() - 1)
        await alarm.wait_until(float("-inf"))
    assert not waited.cancelled_caught


async def test_a_wait_that_was_cancelled_leaves_the_alarm_fit_for_the_next() -> None:
    with open_alarm() as alarm:
        with trio.move_on_after(0.001):
            await alarm.wait_until(trio.current_time() + 60)
        due_s = trio.current_time() + 0.002
        with trio.fail_after(5):
            await alarm.wait_until(due_s)
        assert trio.current_time() >= due_s


async def test_without_timers_trio_s_clock_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "_libc_with_timers", lambda: None)
    with open_alarm() as alarm:
        assert isinstance(alarm, EventAlarm)
        due_s = trio.current_time() + 0.002
        await alarm.wait_until(due_s)
        assert trio.current_time() >= due_s
