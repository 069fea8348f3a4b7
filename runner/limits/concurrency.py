"""Slots for attempts in flight: a fixed number of them, or as many as are of use."""

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

import trio

from .adaptive import AdaptiveLimit
from .history import ConcurrencyHistory

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


class Slots(Protocol):
    """What can be looked at of slots, by who changes nothing."""

    @property
    def limit(self) -> int:
        """How many there are."""
        ...

    @property
    def in_flight(self) -> int:
        """How many are taken."""
        ...


class SlotsOfAll:
    """The slots of several services, counted together."""

    def __init__(self, each: Sequence[Slots]) -> None:
        self._each = each

    @property
    def limit(self) -> int:
        return sum(each.limit for each in self._each)

    @property
    def in_flight(self) -> int:
        return sum(each.in_flight for each in self._each)


class HistoryOfAll(ConcurrencyHistory):
    """The history of the slots of several services together, which each of them adds to: of
    histories of their own, the peaks of one second could not be told from peaks at once."""

    def __init__(self, slots: Slots) -> None:
        super().__init__()
        self._slots = slots

    def note(self, at_s: float, limit: int, in_flight: int) -> None:
        """Take in this moment of all of them; the arguments are of the one that tells."""
        super().note(at_s, self._slots.limit, self._slots.in_flight)

    def end(self, at_s: float, limit: int) -> None:
        super().end(at_s, self._slots.limit)


class Concurrency:
    """Slots, all lanes together. `fixed` sets their number; None lets the run find it. With those
    of `among` services it never goes beyond the connections that this process may hold.

    Nobody waits with a slot in hand: a lane watches for a free one, and takes it at the moment in
    which all else is there.
    """

    def __init__(self, fixed: int | None, *, among: int = 1) -> None:
        self._most = most = max(1, most_connections() // among)
        self._fixed = None if fixed is None else min(most, fixed)
        self._auto = AdaptiveLimit(most, now_s=trio.current_time())
        self._held_back = False  # whether work waits for a slot, and for nothing else
        self._waiting = trio.lowlevel.ParkingLot()
        self.in_flight = 0
        self.history = ConcurrencyHistory()

    @property
    def limit(self) -> int:
        return int(self._auto.limit) if self._fixed is None else self._fixed

    @property
    def is_fixed(self) -> bool:
        """Whether their number was given, and not to be found."""
        return self._fixed is not None

    @property
    def has_room(self) -> bool:
        return self.in_flight < self.limit

    @property
    def waiting(self) -> int:
        """How many tasks look for a free slot."""
        return len(self._waiting)

    def set_fixed(self, fixed: int) -> None:
        """Have so many slots from now on; what is in flight keeps its own, even beyond them."""
        self._fixed = min(self._most, fixed)
        self.notify_waiting()

    async def until_room(self) -> None:
        """Return once a slot is free, without taking it."""
        while not self.has_room:
            self._held_back = True
            await self._waiting.park()
        self._held_back = bool(self._waiting)

    def take(self, now_s: float) -> None:
        """Take a slot that is free."""
        self.in_flight += 1
        self.history.note(now_s, self.limit, self.in_flight)

    def ended(self, *, sent_at_s: float | None, overloaded: bool, now_s: float) -> None:
        """An attempt ended; `overloaded` where its end asks for less (429, 503, a timeout). It has
        its slot until `release`."""
        if self._fixed is not None:
            return
        if overloaded:
            self._auto.overloaded(sent_at_s=sent_at_s, now_s=now_s)
        else:
            self._auto.answered(held_back=self._held_back, now_s=now_s)
        self.history.note(now_s, self.limit, self.in_flight)

    def show(self, in_flight: int, *, now_s: float, limit: int | None = None) -> None:
        """Stand for what others have in flight, and for their slots where they find them."""
        self.in_flight = in_flight
        if limit is not None:
            self._fixed = limit
        self.history.note(now_s, self.limit, in_flight)

    def show_peak(self, peak: int, *, now_s: float) -> None:
        """Have the history know what others had in flight of late."""
        self.history.note(now_s, self.limit, peak)

    def release(self) -> None:
        """Give a slot back; `tell` must follow."""
        self.in_flight -= 1

    def notify_waiting(self) -> None:
        """Have those who wait look whether there is a slot. All of them: the one that waited
        longest may find that it can't leave yet."""
        if self.has_room:
            self._waiting.unpark_all()


def share_history(each: Sequence[Concurrency]) -> None:
    """Have one history of the slots of several services, before any is taken."""
    history = HistoryOfAll(SlotsOfAll(each))
    for one in each:
        one.history = history
