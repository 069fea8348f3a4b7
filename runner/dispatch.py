"""Letting jobs out as their schedules hand them over, until there are no more or the run stops."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import trio

from jobs import HeadraceError

from .attempts import Attempts, Parts, Schedule
from .errors import OutOfMoneyError
from .pending import Pending


class Supplier(Schedule, Protocol):
    """A schedule that jobs are taken from, by one task."""

    async def take(self) -> tuple[Pending, float | None] | None:
        """The next job, and when it was due where the schedule says so; None at the end."""
        ...


async def send_all(
    parts: Parts,
    schedules: Sequence[Supplier],
    *beside: Callable[[], Awaitable[None]],
) -> None:
    """Take every job and make its attempts, with a dispatcher for each schedule.

    `beside` are tasks that end with the run, or end it by a HeadraceError. Returns when every job
    that was taken has come to its end, or after a stop when nothing is in flight any more.
    """
    stop = parts.stop

    async def or_stop(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except HeadraceError as error:
            stop.request(error)

    async with trio.open_nursery() as background:
        for work in (parts.recorder.keep, *beside):
            background.start_soon(or_stop, work)
        with stop.in_flight:
            async with trio.open_nursery() as attempts:
                with stop.sending:
                    async with trio.open_nursery() as dispatchers:
                        for schedule in schedules:
                            dispatchers.start_soon(_dispatch, parts, schedule, attempts)
        background.cancel_scope.cancel()


async def _dispatch(parts: Parts, schedule: Supplier, nursery: trio.Nursery) -> None:
    attempts = Attempts(parts, schedule)
    while True:
        # First a slot, though only to see it: what has a job once one is free has the right one.
        await parts.concurrency.wait_for_slot()
        if (taken := await schedule.take()) is None:
            return
        pending, due_s = taken
        try:
            flight = await attempts.admit(pending, due_s=due_s)
        except OutOfMoneyError as error:
            parts.stop.request(error)
            return
        nursery.start_soon(attempts.make, flight)
