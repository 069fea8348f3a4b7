"""The way to the workers of one machine: streams of bytes for each, carried by its agent.

What is sent goes at once, one call after the other; what comes is asked for all the time. Once the
machine is lost, each stream is broken, with all that came before still to be read.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

import trio

from headrace.jobs import HeadraceError

from ..offload import Offload
from .journal_mirror import JournalMirror
from .worker_relay import Ended, Heard

# How long an agent waits for news, and so how often journals are told of where nothing else is.
TICK_S = 0.2
# What may wait to be sent to a machine before its senders do.
SENDING_BYTES_MAX = 8 * 1024 * 1024


class AgentCalls(Protocol):
    """What is asked of an agent, from trio. Each raises MachineError."""

    async def tell(self, worker: int, data: bytes | None) -> None: ...

    async def hear(self, acked: dict[str, int], wait_s: float) -> Heard: ...


class Route:
    """One machine's. `run` carries until it is cancelled, or the machine is lost.

    `lost` says why it is lost, None while it is there.
    """

    def __init__(
        self, calls: AgentCalls, workers: Sequence[int], mirror: JournalMirror, offload: Offload
    ) -> None:
        self.lost: HeadraceError | None = None
        self.streams = {number: RouteStream(self, number) for number in workers}
        self._calls = calls
        self._mirror = mirror
        self._offload = offload
        self._sending: deque[tuple[int, bytes | None]] = deque()
        self._sending_bytes = 0
        self._changed = trio.Event()

    async def run(self) -> None:
        """Carry what is sent and said. Raises nothing: a loss is what the streams tell of."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send)
                nursery.start_soon(self._hear)
        except* HeadraceError as group:
            error = _first(group)
            self.lost = error
            for stream in self.streams.values():
                stream.lose()
            self._wake()

    async def put(self, worker: int, data: bytes | None) -> None:
        """Have bytes sent, or (None) a link ended, once there is room."""
        while self._sending_bytes > SENDING_BYTES_MAX and self.lost is None:
            await self._changed.wait()
        if self.lost is not None:
            raise trio.BrokenResourceError from self.lost
        self._sending.append((worker, data))
        self._sending_bytes += len(data or b"")
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _send(self) -> None:
        while True:
            while not self._sending:
                await self._changed.wait()
            worker, data = self._sending[0]
            await self._calls.tell(worker, data)
            self._sending.popleft()
            self._sending_bytes -= len(data or b"")
            self._wake()

    async def _hear(self) -> None:
        while True:
            heard = await self._calls.hear(dict(self._mirror.acked), TICK_S)
            # First what is recorded: nothing that a worker tells of may be missing here.
            if heard.pieces:
                await self._offload(partial(self._mirror.take, heard.pieces))
            for worker, data in heard.said:
                self.streams[worker].take(data)
            for ended in heard.ended:
                self.streams[ended.worker].end(ended)


class RouteStream(trio.abc.Stream):
    """Bytes to one worker and from it. `ended` is how its process ended, None while it is there or
    where its machine is lost; `gone` is set in both cases."""

    def __init__(self, route: Route, worker: int) -> None:
        self.ended: Ended | None = None
        self.gone = trio.Event()
        self._route = route
        self._worker = worker
        self._received = bytearray()
        self._news = trio.Event()
        self._closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError
        if self.ended is not None:
            raise trio.BrokenResourceError
        await self._route.put(self._worker, bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self._received:
            if self._closed:
                raise trio.ClosedResourceError
            if self.gone.is_set():
                return b""
            await self._news.wait()
        data = bytes(self._received[:max_bytes])
        del self._received[: len(data)]
        return data

    async def aclose(self) -> None:
        """End its link; the worker then ends by itself. Returns at once."""
        if not self._closed:
            self._closed = True
            self._wake()
            if not self.gone.is_set():
                with suppress(trio.BrokenResourceError):  # its machine went first
                    await self._route.put(self._worker, None)
        await trio.lowlevel.checkpoint()

    def take(self, data: bytes) -> None:
        """The worker said this."""
        self._received += data
        self._wake()

    def end(self, ended: Ended) -> None:
        """The worker's process is gone, and all that it said and wrote is here."""
        self.ended = ended
        self.lose()

    def lose(self) -> None:
        """Nothing more will come."""
        self.gone.set()
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()


def _first(group: BaseExceptionGroup[HeadraceError]) -> HeadraceError:
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("a group holds an error")
