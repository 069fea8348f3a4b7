"""What can be sent next: new jobs in file order, and retries whose pause is over, before them."""

import heapq
import itertools
from collections import deque

import trio

from headrace.jobs import JobEnd

from ..notify import Notifier
from ..pending import Pending

# Enough that the dispatcher never waits for the reader, little enough to hold in memory. The reader
# continues once half of it is left, so that it has many jobs to put in at once.
JOBS_MAX = 512
BYTES_MAX = 16 * 1024 * 1024
# Retries past this many hold back new jobs: a failing service must not fill the memory.
RETRIES_MAX = 4096
RETRY_BYTES_MAX = 64 * 1024 * 1024


class Backlog:
    """The jobs of one lane. One reader puts, one dispatcher takes; attempts put their retries."""

    def __init__(self) -> None:
        self._fresh: deque[Pending] = deque()
        self._fresh_bytes = 0
        self._retries: list[tuple[float, int, Pending]] = []
        self._retry_bytes = 0
        self._order = itertools.count()
        self._out = 0  # taken and not yet put back or done
        self.received = 0  # new jobs, so far
        self._exhausted = False
        self._arrived = Notifier()  # a job, or the end of the last one out
        self._room: trio.Event | None = None  # where the reader waits for it

    @property
    def unfinished(self) -> int:
        """Jobs that were read and have no result: waiting, pausing and in flight."""
        return len(self._fresh) + len(self._retries) + self._out

    @property
    def waiting(self) -> int:
        """New jobs that nobody has taken."""
        return len(self._fresh)

    @property
    def _room_for_retries(self) -> bool:
        return len(self._retries) < RETRIES_MAX and self._retry_bytes < RETRY_BYTES_MAX

    @property
    def full(self) -> bool:
        """Whether it holds as many new jobs as it should."""
        return len(self._fresh) >= JOBS_MAX or self._fresh_bytes >= BYTES_MAX

    @property
    def _half_empty(self) -> bool:
        return len(self._fresh) <= JOBS_MAX // 2 and self._fresh_bytes <= BYTES_MAX // 2

    async def until_room(self) -> None:
        """Wait until half of what a full one holds has been taken."""
        self._room = trio.Event()
        await self._room.wait()

    def give_up(self) -> None:
        """Nobody takes what it holds any more: whoever waits for room need not."""
        if self._room is not None:
            self._room.set()
            self._room = None

    def put(self, pending: Pending) -> None:
        """Add a new job; where it is full, wait for room first."""
        self._fresh.append(pending)
        self.received += 1
        self._fresh_bytes += len(pending.job.body)
        self._arrived.notify_all()

    def exhaust(self) -> None:
        """No new jobs will come."""
        self._exhausted = True
        self._arrived.notify_all()

    def retry(self, pending: Pending, ready_s: float) -> None:
        """Put a taken job back, to be sent no earlier than `ready_s` on trio's clock."""
        heapq.heappush(self._retries, (ready_s, next(self._order), pending))
        self._retry_bytes += len(pending.job.body)
        self._out -= 1
        self._arrived.notify_all()

    def done(self, _pending: Pending, _end: JobEnd | None) -> None:
        """A taken job will not come back."""
        self._out -= 1
        self._arrived.notify_all()  # it may have been the last

    def take_now(self) -> tuple[Pending, float | None] | None:
        """The next job, and for a retry when its pause ended; None while there is none."""
        if self._retries and self._retries[0][0] <= trio.current_time():
            ready_s, _, pending = heapq.heappop(self._retries)
            self._retry_bytes -= len(pending.job.body)
            self._out += 1
            return pending, ready_s
        if self._fresh and (not self._retries or self._room_for_retries):
            pending = self._fresh.popleft()
            self._fresh_bytes -= len(pending.job.body)
            self._out += 1
            if self._room is not None and self._half_empty:
                self._room.set()
                self._room = None
            return pending, None
        return None

    async def take(self) -> tuple[Pending, float | None] | None:
        """The next job as soon as there is one; None at the end."""
        while True:
            if (taken := self.take_now()) is not None:
                return taken
            if self._exhausted and not self._fresh and not self._retries and not self._out:
                return None
            with trio.move_on_at(self._retries[0][0] if self._retries else float("inf")):
                await self._arrived.wait()
