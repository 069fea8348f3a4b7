"""How many attempts may be in flight: a fixed number, or one found by AIMD.

Additive increase, multiplicative decrease: D. Chiu, R. Jain, "Analysis of the increase and decrease
algorithms for congestion avoidance in computer networks", 1989.
"""

import resource

import trio

START = 16
# Descriptors that are not connections: files of the run, the terminal, epoll, a resolver's sockets.
RESERVED_DESCRIPTORS = 64


def most_connections() -> int:
    """What the limit on open files leaves for connections."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1_000_000
    return max(1, soft - RESERVED_DESCRIPTORS)


class Concurrency:
    """Slots for attempts in flight. `fixed` sets their number; None lets the run find it."""

    def __init__(self, fixed: int | None) -> None:
        self._auto = fixed is None
        self._most = most_connections()
        self._limit = float(min(self._most, START if fixed is None else fixed))
        self._growing_fast = True
        self._decreased_at_s = float("-inf")
        self._held_back = False  # whether work waits for a slot, and for nothing else
        self._waiting = trio.lowlevel.ParkingLot()
        self._looking = trio.lowlevel.ParkingLot()
        self.in_flight = 0

    @property
    def limit(self) -> int:
        return int(self._limit)

    async def wait_for_slot(self) -> None:
        """Return once a slot is free, without taking it; by then it may be another's."""
        await self._wait(self._looking)

    async def acquire(self) -> None:
        """Take a slot, once one is free; who waits longest is let on first."""
        await self._wait(self._waiting)
        self.in_flight += 1

    async def _wait(self, lot: trio.lowlevel.ParkingLot) -> None:
        while self.in_flight >= self.limit:
            self._held_back = True
            await lot.park()
        self._held_back = bool(self._waiting) or bool(self._looking)

    def release(self) -> None:
        """Give a slot back that no attempt was made with."""
        self.in_flight -= 1
        self._wake()

    def give_back(self, *, sent_at_s: float | None, overloaded: bool, now_s: float) -> None:
        """An attempt ended; `overloaded` where its end asks for less (429, 5xx, a timeout).

        The limit grows only while it is what holds the run back, and falls once for all attempts
        that were sent before it last fell.
        """
        if self._auto:
            if overloaded:
                if sent_at_s is None or sent_at_s > self._decreased_at_s:
                    self._limit = max(1.0, self._limit / 2)
                    self._decreased_at_s = now_s
                    self._growing_fast = False
            elif self._held_back:
                # Doubling at first, then one more for each round of answers.
                step = 1.0 if self._growing_fast else 1.0 / self._limit
                self._limit = min(float(self._most), self._limit + step)
        self.release()

    def _wake(self) -> None:
        # Who only looks may leave the slot to another: all of those look again.
        self._waiting.unpark(count=max(0, self.limit - self.in_flight))
        self._looking.unpark_all()
