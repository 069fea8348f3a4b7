"""Letting jobs out as their queues hand them over, until there are no more or the run stops."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import trio

from headrace.jobs import JobEnd

from .admission import Admission, InFlight
from .attempts import Attempts
from .errors import OutOfMoneyError
from .pending import Pending
from .stop import Stop

# A job, and when it was due where its queue says so.
Taken = tuple[Pending, float | None]


class JobQueue(Protocol):
    """What one dispatcher takes jobs from, and gives them back to once their attempt has ended."""

    async def take(self) -> Taken | None:
        """The next job, once there is one; None at the end."""
        ...

    def take_now(self) -> Taken | None:
        """The next job, where there is one already."""
        ...

    def retry(self, pending: Pending, ready_s: float) -> None:
        """It is to be sent again, no earlier than `ready_s` on trio's clock."""

    def done(self, pending: Pending, end: JobEnd | None) -> None:
        """It will not come back: it has its result, or the run stops and it has none."""


async def send_all(
    queues: Sequence[JobQueue],
    *beside: Callable[[], Awaitable[None]],
    attempts: Attempts,
    admission: Admission,
    stop: Stop,
) -> None:
    """Take every job and make its attempts, with a dispatcher for each queue.

    `beside` are tasks that end with the run, or end it by a HeadraceError. Returns when every job
    that was taken has come to its end, or after a stop when nothing is in flight any more.
    """
    async with trio.open_nursery() as background:
        for work in beside:
            background.start_soon(stop.on_error, work)
        with stop.in_flight:
            async with trio.open_nursery() as flights:
                with stop.sending:
                    async with trio.open_nursery() as dispatchers:
                        for queue in queues:
                            each = _Dispatcher(
                                queue, flights, attempts=attempts, admission=admission, stop=stop
                            )
                            dispatchers.start_soon(each.run)
        background.cancel_scope.cancel()


class _Dispatcher:
    """Takes the jobs of one queue in their order, and has them sent.

    Where slots are what it waits for, the task of an attempt that has ended takes the next job by
    itself: that saves a task and two changes of task for each job.
    """

    def __init__(
        self,
        queue: JobQueue,
        nursery: trio.Nursery,
        *,
        attempts: Attempts,
        admission: Admission,
        stop: Stop,
    ) -> None:
        self._queue = queue
        self._nursery = nursery
        self._attempts = attempts
        self._admission = admission
        self._concurrency = admission.concurrency
        self._stop = stop
        self._awaits_slot = False  # without a job in hand: then an ended attempt may take the next
        self._taken: Taken | None = None  # a job that could not leave at once

    async def run(self) -> None:
        while True:
            # First a slot, though only to see it: what has a job once one is free has the right
            # one.
            self._awaits_slot = True
            await self._concurrency.until_room()
            self._awaits_slot = False
            taken, self._taken = self._taken, None
            taken = taken or await self._queue.take()
            if taken is None:
                return
            try:
                flight = await self._admission.admit(*taken)
            except OutOfMoneyError as error:
                self._stop.request(error)
                return
            self._nursery.start_soon(self._work, flight)

    async def _work(self, first: InFlight) -> None:
        flight: InFlight | None = first
        while flight is not None:
            pending = flight.pending
            end, retry_at_s, instead = await self._attempts.make(flight)
            if retry_at_s is None:
                self._queue.done(pending, end)
            else:
                self._queue.retry(instead or pending, retry_at_s)
            # What came in one look at the network is put away first, and then the next ones leave
            # one after the other: requests that are far apart each wake a server that has gone to
            # sleep, which cost a fifth of a run.
            await trio.lowlevel.cancel_shielded_checkpoint()
            self._concurrency.release()
            flight = self._next()
            self._concurrency.notify_waiting()

    def _next(self) -> InFlight | None:
        """The next job to leave, for the task that gave its slot back just now; None where the
        dispatcher has it in hand already, or another one waits for the slot."""
        # More than one waiting: another lane's dispatcher may have been first in line.
        others_wait = self._concurrency.waiting > 1
        if not self._awaits_slot or others_wait or self._stop.reason is not None:
            return None
        if self._taken is not None or (taken := self._queue.take_now()) is None:
            return None
        flight = self._admission.admit_now(*taken)
        if flight is None:
            self._taken = taken
        return flight
