"""The time limits of many connections, kept by one task that sleeps until the earliest of them."""

import math
from typing import Protocol

import trio


class Watched(Protocol):
    """A connection, as the watch sees it."""

    def due_s(self) -> float:
        """When the wait under way will have been too long, on trio's clock; inf while none is."""

    async def interrupt(self) -> None:
        """Wake the task that waits, with an error. One that is awake already reads on."""


class Deadlines:
    """Interrupts waits that are too long. A cancel scope around each would cost as much as a third
    of the request; here a limit is a number, looked at when the earliest that is known is over.

    `wakes_s` is never past a limit that runs: whoever sets one that is over sooner calls `wake_by`.
    A limit that moves away needs no word, so a stream's costs nothing a read.

    The task is one of trio's own system tasks: requests come from any task, and the transport has
    no nursery. It begins with the first limit, and ends with the last connection or with the run.
    """

    def __init__(self) -> None:
        self.wakes_s = math.inf
        self._watched: set[Watched] = set()
        self._sleep: trio.CancelScope | None = None  # while there is a task

    def add(self, connection: Watched) -> None:
        """A connection was made."""
        self._watched.add(connection)

    def remove(self, connection: Watched) -> None:
        """It is being closed, by a task that waits no more."""
        self._watched.discard(connection)
        if not self._watched and self._sleep is not None:
            self._sleep.cancel()

    def wake_by(self, due_s: float) -> None:
        """A limit is over at `due_s`, which is before `wakes_s`."""
        self.wakes_s = due_s
        if self._sleep is None:
            self._sleep = trio.CancelScope()
            trio.lowlevel.spawn_system_task(self._run, self._sleep, name=type(self).__name__)
        self._sleep.deadline = due_s

    async def _run(self, sleep: trio.CancelScope) -> None:
        try:
            while self._watched:
                with sleep:
                    await trio.sleep_forever()
                now_s = trio.current_time()
                for connection in list(self._watched):
                    if connection.due_s() <= now_s:
                        await connection.interrupt()
                # Who was awake is overdue still, and is looked at again once it has run.
                self.wakes_s = min((each.due_s() for each in self._watched), default=math.inf)
                self._sleep = sleep = trio.CancelScope(deadline=self.wakes_s)
        finally:
            self.wakes_s, self._sleep = math.inf, None
