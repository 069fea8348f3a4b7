"""Waking those who wait: for one change, or for the first of several."""

import trio
from trio.testing import MockClock

from headrace.runner.notify import first_of


async def test_the_first_of_several_ends_the_wait(autojump_clock: MockClock) -> None:
    events = [trio.Event(), trio.Event(), trio.Event()]

    async def set_after(event: trio.Event, seconds: float) -> None:
        await trio.sleep(seconds)
        event.set()

    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(set_after, events[1], 2.0)
        nursery.start_soon(set_after, events[2], 5.0)
        await first_of(*events)
        waited_s = trio.current_time() - began_s
        await first_of(*events)
    assert waited_s == 2.0
    assert [each.is_set() for each in events] == [False, True, True]
