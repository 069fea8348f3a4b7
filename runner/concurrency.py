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
        self._freed = trio.Event()
        self.in_flight = 0

    @property
    def limit(self) -> int:
        return int(self._limit)

    async def wait_for_slot(self) -> None:
        """Return once a slot is free. It isn't taken: only one task may wait and then take."""
        while self.in_flight >= self.limit:
            self._held_back = True
            self._freed = trio.Event()
            await self._freed.wait()
        self._held_back = False

    def take(self) -> None:
        self.in_flight += 1

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
        self.in_flight -= 1
        self._freed.set()
