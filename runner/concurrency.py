"""Slots for attempts in flight: a fixed number of them, or as many as are of use."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import trio

from .auto_limit import AutoLimit
from .course import Course, Look

# Descriptors that are not connections: files of the run, the terminal, epoll, a resolver's sockets.
RESERVED_DESCRIPTORS = 64


@contextmanager
def all_open_files() -> Iterator[None]:
    """Within it, this process may have as many open files as the system lets it ask for.

    The usual soft limit, 1024, is there for programs that call select(); nothing here does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS calls it unlimited, and refuses that
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def most_connections() -> int:
    """What the limit on open files leaves for connections."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1_000_000
    return max(1, soft - RESERVED_DESCRIPTORS)


class Concurrency:
    """Slots, all lanes together. `fixed` sets their number; None lets the run find it."""

    def __init__(self, fixed: int | None) -> None:
        most = most_connections()
        self._fixed = None if fixed is None else min(most, fixed)
        self._auto = AutoLimit(most, now_s=trio.current_time())
        self._held_back = False  # whether work waits for a slot, and for nothing else
        self._waiting = trio.lowlevel.ParkingLot()
        self._looking = trio.lowlevel.ParkingLot()
        self.in_flight = 0
        self.course = Course()

    @property
    def limit(self) -> int:
        return int(self._auto.limit) if self._fixed is None else self._fixed

    async def wait_for_slot(self) -> None:
        """Return once a slot is free, without taking it; by then it may be another's."""
        await self._wait(self._looking)

    async def acquire(self) -> None:
        """Take a slot, once one is free; who waits longest is let on first."""
        await self._wait(self._waiting)
        self.in_flight += 1
        self._note(trio.current_time())

    async def _wait(self, lot: trio.lowlevel.ParkingLot) -> None:
        while self.in_flight >= self.limit:
            self._held_back = True
            await lot.park()
        self._held_back = bool(self._waiting) or bool(self._looking)

    def release(self) -> None:
        """Give a slot back that no attempt was made with."""
        self.in_flight -= 1
        # Who only looks may leave the slot to another: all of those look again.
        self._waiting.unpark(count=max(0, self.limit - self.in_flight))
        self._looking.unpark_all()

    def give_back(self, *, sent_at_s: float | None, overloaded: bool, now_s: float) -> None:
        """An attempt ended; `overloaded` where its end asks for less (429, 503, a timeout)."""
        if self._fixed is None:
            if overloaded:
                self._auto.overloaded(sent_at_s=sent_at_s, now_s=now_s)
            else:
                self._auto.answered(held_back=self._held_back, now_s=now_s)
        self._note(now_s)
        self.release()

    def _note(self, now_s: float) -> None:
        self.course.note(Look(now_s, self.limit, self.in_flight))
