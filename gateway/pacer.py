"""Sends the events of many streams when each is due, from one task.

A task that sleeps and wakes for each event costs several times what the event's own system call
does. Here one task sleeps until the next event of any stream, and sends all that are due by then.
"""

import socket
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from math import inf

import trio

from .latency import Pace


class Track:
    """One stream's frames and how far they are. `sent` is called with (from, to, trio's time)."""

    __slots__ = ("error", "frames", "index", "left", "pace", "sent", "sock", "start", "task")

    def __init__(
        self,
        frames: Sequence[bytes],
        pace: Pace,
        *,
        start: float,
        index: int,
        sent: Callable[[int, int, float], None],
    ) -> None:
        self.frames = frames
        self.pace = pace
        self.start = start
        self.index = index
        self.sent = sent
        self.sock: socket.socket | None = None
        # What the kernel would not take at once.
        self.left = b""
        self.error: OSError | None = None
        self.task: trio.lowlevel.Task | None = None


class Pacer:
    """Owned by the server that runs `run`; the streams' own tasks wait in `follow`."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Track]] = []
        self._order = count()
        self._earlier = trio.Event()
        self._waiting_until = -inf

    async def follow(self, sock: socket.socket, track: Track) -> None:
        """Return when every frame is sent, or when `track.left` has to be sent first.

        Raises trio.BrokenResourceError when the client has gone.
        """
        track.sock = sock
        track.task = trio.lowlevel.current_task()
        due = track.start + track.pace.due_s(track.index)
        heappush(self._heap, (due, next(self._order), track))
        if due < self._waiting_until:
            self._earlier.set()

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            # Its place in the heap is skipped when its time comes.
            track.task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if track.error is not None:
            raise trio.BrokenResourceError(f"the connection broke: {track.error}") from track.error

    async def run(self) -> None:
        """Send until cancelled."""
        heap = self._heap
        while True:
            self._waiting_until = heap[0][0] if heap else inf
            if self._waiting_until > trio.current_time():
                self._earlier = trio.Event()
                with trio.CancelScope(deadline=self._waiting_until):
                    await self._earlier.wait()
            else:
                # Behind: others get their turn all the same.
                await trio.lowlevel.checkpoint()
            self._waiting_until = -inf
            now = trio.current_time()
            while heap and heap[0][0] <= now:
                track = heappop(heap)[2]
                if track.task is not None:
                    self._advance(track, now)
                    now = trio.current_time()

    def _advance(self, track: Track, now: float) -> None:
        """Send what is due of one stream, and put it back in line or wake its task."""
        first, frames = track.index, track.frames
        ready = max(first + 1, track.pace.ready(now - track.start, len(frames)))
        data = frames[first] if ready == first + 1 else b"".join(frames[first:ready])
        track.index = ready
        track.sent(first, ready, now)
        assert track.sock is not None
        assert track.task is not None
        try:
            taken = track.sock.send(data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            track.error = error
            trio.lowlevel.reschedule(track.task)
            return
        if taken < len(data):
            track.left = data[taken:]
        elif ready < len(frames):
            due = track.start + track.pace.due_s(ready)
            heappush(self._heap, (due, next(self._order), track))
            return
        trio.lowlevel.reschedule(track.task)
