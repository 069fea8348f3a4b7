"""Waking those who wait: for one change, for what is new, or for the first of several."""

import trio
from trio.testing import MockClock

from headrace.runner.notify import Latch, first_of


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


async def test_what_is_new_while_its_reader_is_elsewhere_is_not_missed(
    autojump_clock: MockClock,
) -> None:
    news, looked_s = Latch(), []

    async def look() -> None:
        while True:
            await news.wait()
            looked_s.append(trio.current_time() - began_s)
            await trio.sleep(1.0)

    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        for at_s in (0.5, 0.75, 1.0, 4.0):
            await trio.sleep_until(began_s + at_s)
            news.set()
        await trio.sleep(3.0)
        nursery.cancel_scope.cancel()
    assert looked_s == [0.5, 1.5, 4.0]
