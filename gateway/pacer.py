"""Sends the events of many streams when each is due, from one task.

To sleep and wake a task for each event costs several times as much as the event's system call. Here
one task sleeps until the next event of any stream, and sends all that are due by then.
"""

import socket
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from math import inf

import trio

from .latency import Pace


class PacedStream:
    """One stream's frames, and how many are sent. `sent` is called with (from, to, trio's time)."""

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
        # What the socket did not accept at once.
        self.left = b""
        self.error: OSError | None = None
        self.task: trio.lowlevel.Task | None = None


class Pacer:
    """Owned by the server that runs `run`; the streams' own tasks wait in `send`."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, PacedStream]] = []
        self._order = count()
        self._earlier = trio.Event()
        self._waiting_until = -inf

    async def send(self, sock: socket.socket, stream: PacedStream) -> None:
        """Return when every frame is sent, or when `stream.left` has to be sent first.

        Raises trio.BrokenResourceError when the client has gone.
        """
        stream.sock = sock
        stream.task = trio.lowlevel.current_task()
        due = stream.start + stream.pace.due_s(stream.index)
        heappush(self._heap, (due, next(self._order), stream))
        if due < self._waiting_until:
            self._earlier.set()

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            # Its entry in the heap is skipped when it is due.
            stream.task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if stream.error is not None:
            raise trio.BrokenResourceError(
                f"the connection broke: {stream.error}"
            ) from stream.error

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
                # Late; let other tasks run all the same.
                await trio.lowlevel.checkpoint()
            self._waiting_until = -inf
            now = trio.current_time()
            while heap and heap[0][0] <= now:
                stream = heappop(heap)[2]
                if stream.task is not None:
                    self._advance(stream, now)
                    now = trio.current_time()

    def _advance(self, stream: PacedStream, now: float) -> None:
        """Send what is due of one stream, then queue it again or wake its task."""
        first, frames = stream.index, stream.frames
        ready = max(first + 1, stream.pace.ready(now - stream.start, len(frames)))
        data = frames[first] if ready == first + 1 else b"".join(frames[first:ready])
        stream.index = ready
        stream.sent(first, ready, now)
        assert stream.sock is not None
        assert stream.task is not None
        try:
            taken = stream.sock.send(data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            stream.error = error
            trio.lowlevel.reschedule(stream.task)
            return
        if taken < len(data):
            stream.left = data[taken:]
        elif ready < len(frames):
            due = stream.start + stream.pace.due_s(ready)
            heappush(self._heap, (due, next(self._order), stream))
            return
        trio.lowlevel.reschedule(stream.task)
