"""Reading many streams in one task, and understanding them later.

A task per connection that waits for each chunk costs more than the chunk's system call: trio arms
its epoll anew for every wait, and changes tasks. Here one task has an epoll of its own in which the
sockets of all streams stay. It reads what is there, with the kernel's stamps, some thousand times a
second, and in between wakes one of the tasks that understand what came: first those whose answer
begins or may have ended, then those with much, or for long. So whatever there is to do at once, as
when many answers end together, the next read is never far.

Moments are the kernel's, so a chunk that is understood late is not measured late.
"""

import math
import select
import sys
import time
from collections import deque

import outcome
import trio

from ..alarm import Alarm, open_alarm
from .arrival import ANCILLARY_BYTES
from .streams import READ_BYTES, DescriptorStream, SweptRead

# The end of a chunked body (RFC 9112, section 7.1), where it has no trailers.
LAST_CHUNK = b"0\r\n\r\n"
# Of one stream: so many reads are worth a change of tasks, and none waits longer than that while
# there is time, nor ever for more bytes than that.
READS_MAX = 32
AGE_MAX_S = 0.05
BYTES_MAX = 256 * 1024
# With more streams than a few the sockets are looked at in steps: a look at each chunk alone costs
# more than the chunk. Far less than the gaps of any model, and no moment is the later for it.
DENSE = 8
STEP_S = 0.00025


class Swept:
    """One connection while a sweep reads it. One task at a time waits in `reads`.

    `eager`: its task is woken by the next read, whatever it brings.
    """

    __slots__ = (
        "_error",
        "_sweep",
        "_task",
        "descriptor",
        "due",
        "eager",
        "held",
        "last_s",
        "queued",
        "queued_s",
        "reads_bytes",
        "recvmsg",
        "since_s",
        "taken",
    )

    def __init__(self, sweep: "Sweep", stream: DescriptorStream) -> None:
        self.descriptor = stream.descriptor
        self.recvmsg = stream.recvmsg
        self.taken: list[SweptRead] = []  # what was read, and not yet asked for
        self.reads_bytes = 0  # of these
        self.since_s = self.last_s = -math.inf  # when the first of these came, and the last read
        self.eager = True
        self.due = self.queued = False  # in which of the sweep's lines it stands
        self.queued_s = -math.inf  # `since_s` as it was when it got into line
        self.held = False  # not read until what was read is taken
        self._sweep = sweep
        self._error: BaseException | None = None
        self._task: trio.lowlevel.Task | None = None

    async def reads(self) -> list[SweptRead]:
        """What was read since the last call, once it is time to look at it; the last has no bytes
        where the stream has ended.

        Raises trio.BrokenResourceError and trio.ClosedResourceError, after all that came before.
        """

        def abort(_: object) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        while not self.taken:  # it may be woken for what it has looked at since
            if self._error is not None:
                raise self._error
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(abort)
        found, self.taken, self.reads_bytes = self.taken, [], 0
        if self.held:
            self._sweep.release(self)
        return found

    def fail(self, error: BaseException) -> None:
        """Nothing more is read: whoever waits gets `error` after what came."""
        self._error = error
        self.stop()
        self.wake()

    def stop(self) -> None:
        """Have the sweep read it no more."""
        self._sweep.remove(self)

    def wake(self) -> bool:
        """Have it looked at what was read; whether somebody waits for it."""
        if self._task is None:
            return False
        task, self._task = self._task, None
        trio.lowlevel.reschedule(task, outcome.Value(None))
        return True


class Sweep:
    """The task that reads, and its epoll; both are there while a stream is. The task is one of
    trio's system tasks, as that of the deadlines is."""

    def __init__(self) -> None:
        self._epoll: select.epoll | None = None
        self._swept: dict[int, Swept] = {}
        self._due: deque[Swept] = deque()  # to be woken as soon as may be
        self._queue: deque[Swept] = deque()  # to be woken when there is time, the oldest first
        self._wait: trio.CancelScope | None = None  # while the task waits
        self._now = trio.current_time

    def add(self, stream: DescriptorStream) -> Swept | None:
        """Read it from now on, until it is stopped; None where this system can't."""
        if not sys.platform.startswith("linux"):
            return None
        if self._epoll is None:
            try:
                self._epoll = select.epoll()
            except OSError:  # no descriptor is left: each stream is read by its own task
                return None
            self._now = trio.lowlevel.current_clock().current_time
            trio.lowlevel.spawn_system_task(self._run, self._epoll, name=type(self).__name__)
        swept = Swept(self, stream)
        self._swept[swept.descriptor] = swept
        self._epoll.register(swept.descriptor, select.EPOLLIN)
        return swept

    def remove(self, swept: Swept) -> None:
        """Read it no more; nothing where it is not read."""
        if self._swept.get(swept.descriptor) is not swept:
            return
        del self._swept[swept.descriptor]
        if not swept.held:
            assert self._epoll is not None
            self._epoll.unregister(swept.descriptor)
        if not self._swept and self._wait is not None:
            self._wait.cancel()

    def release(self, swept: Swept) -> None:
        """Read one on that was held."""
        swept.held = False
        if self._swept.get(swept.descriptor) is swept:
            assert self._epoll is not None
            self._epoll.register(swept.descriptor, select.EPOLLIN)

    async def _run(self, epoll: select.epoll) -> None:
        try:
            with open_alarm() as alarm:
                while self._swept:
                    with trio.CancelScope() as self._wait:
                        await self._sweep(epoll, alarm)
                    self._wake_one()
        finally:
            self._epoll = self._wait = None
            self._due.clear()
            self._queue.clear()
            epoll.close()

    async def _sweep(self, epoll: select.epoll, alarm: Alarm) -> None:
        """Look at the sockets, again and again, until there are none or one waits too long."""
        assert self._wait is not None
        found = 0
        while self._swept:
            if self._due:
                await trio.lowlevel.checkpoint()
            elif found and len(self._swept) >= DENSE:
                await alarm.wait_until(self._now() + STEP_S)
            else:
                if self._queue:
                    self._wait.deadline = self._queue[0].since_s + AGE_MAX_S
                await trio.lowlevel.wait_readable(epoll.fileno())
            found = self._read(epoll)
            self._wake_one()

    def _read(self, epoll: select.epoll) -> int:
        """One read of each socket that has something; how many these were."""
        ready = epoll.poll(0)
        now, real_ns = self._now, time.time_ns
        for descriptor, _ in ready:
            swept = self._swept.get(descriptor)
            if swept is None:
                continue  # stopped by one before it
            try:
                data, ancillary, _, _ = swept.recvmsg(READ_BYTES, ANCILLARY_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                broken = trio.BrokenResourceError(f"reading failed: {error}")
                broken.__cause__ = error
                swept.fail(broken)
                continue
            now_s = now()
            taken = swept.taken
            if not taken:
                swept.since_s = now_s
                if not swept.queued:
                    self._stand_in_line(swept)
            swept.last_s = now_s
            taken.append((data, ancillary, now_s, real_ns()))
            swept.reads_bytes += len(data)
            if data[-5:] == LAST_CHUNK or swept.eager or swept.reads_bytes > BYTES_MAX or not data:
                if not data:
                    self.remove(swept)  # or the end would be there again and again
                elif swept.reads_bytes > BYTES_MAX:
                    # Its server waits, as for any reader, instead of filling the memory.
                    swept.held = True
                    epoll.unregister(descriptor)
                if not swept.due:
                    swept.due = True
                    self._due.append(swept)
        return len(ready)

    def _wake_one(self) -> None:
        """Wake one task that is due, and where none is, one with much or for long. No more between
        two looks at the sockets: one whose answer ends has a millisecond to do."""
        while self._due:
            swept = self._due.popleft()
            swept.due = False
            if swept.wake():
                return
        now_s = self._now()
        while self._queue:
            swept = self._queue[0]
            if len(swept.taken) < READS_MAX and now_s - swept.since_s < AGE_MAX_S and swept.taken:
                if swept.since_s == swept.queued_s:
                    return
                self._queue.popleft()  # its first reads were taken: others are older
                self._stand_in_line(swept)
                continue
            self._queue.popleft()
            swept.queued = False
            if swept.taken and not swept.due and swept.wake():
                return

    def _stand_in_line(self, swept: Swept) -> None:
        swept.queued, swept.queued_s = True, swept.since_s
        self._queue.append(swept)
