"""Letting jobs out as their schedules hand them over, until there are no more or the run stops."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import trio

from .attempts import Attempts, Flight, Parts, Schedule
from .errors import OutOfMoneyError
from .pending import Pending

# A job, and when it was due where its schedule says so.
Taken = tuple[Pending, float | None]


class Supplier(Schedule, Protocol):
    """A schedule that jobs are taken from, by one dispatcher."""

    async def take(self) -> Taken | None:
        """The next job, once there is one; None at the end."""
        ...

    def take_now(self) -> Taken | None:
        """The next job, where there is one already."""
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

    async with trio.open_nursery() as background:
        for work in (parts.recorder.keep, *beside):
            background.start_soon(stop.on_error, work)
        with stop.in_flight:
            async with trio.open_nursery() as attempts:
                with stop.sending:
                    async with trio.open_nursery() as dispatchers:
                        for schedule in schedules:
                            dispatchers.start_soon(_Dispatcher(parts, schedule, attempts).run)
        background.cancel_scope.cancel()


class _Dispatcher:
    """Takes the jobs of one schedule in their order, and has them sent.

    Where slots are what it waits for, the task of an attempt that has ended goes on with the next
    job by itself: that saves a task and two changes of task for each job.
    """

    def __init__(self, parts: Parts, schedule: Supplier, nursery: trio.Nursery) -> None:
        self._parts = parts
        self._schedule = schedule
        self._nursery = nursery
        self._attempts = Attempts(parts, schedule)
        self._looks = False  # for a slot, without a job in hand
        self._taken: Taken | None = None  # a job that could not leave at once

    async def run(self) -> None:
        while True:
            # First a slot, though only to see it: what has a job once one is free has the right
            # one.
            self._looks = True
            await self._parts.concurrency.until_room()
            self._looks = False
            taken, self._taken = self._taken, None
            taken = taken or await self._schedule.take()
            if taken is None:
                return
            try:
                flight = await self._attempts.admit(*taken)
            except OutOfMoneyError as error:
                self._parts.stop.request(error)
                return
            self._nursery.start_soon(self._work, flight)

    async def _work(self, first: Flight) -> None:
        flight: Flight | None = first
        concurrency = self._parts.concurrency
        while flight is not None:
            await self._attempts.make(flight)
            # What came in one look at the network is put away first, and then the next ones leave
            # one after the other: requests that are far apart each wake a server that has gone to
            # sleep, which cost a fifth of a run.
            await trio.lowlevel.cancel_shielded_checkpoint()
            concurrency.release()
            flight = self._next()
            concurrency.tell()

    def _next(self) -> Flight | None:
        """The next job to leave, for the task that gave its slot back just now; None where the
        dispatcher has it in hand already, or another one waits for the slot."""
        parts = self._parts
        if not self._looks or parts.concurrency.waiting > 1 or parts.stop.reason is not None:
            return None
        if self._taken is not None or (taken := self._schedule.take_now()) is None:
            return None
        flight = self._attempts.admit_now(*taken)
        if flight is None:
            self._taken = taken
        return flight
