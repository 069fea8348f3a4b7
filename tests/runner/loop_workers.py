"""Workers as tasks of a test, in its own loop and its own time."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
import trio.testing

from headrace.runner import RunEnvironment, Secret
from headrace.runner.alarm import Alarm, EventAlarm
from headrace.runner.worker import serve
from headrace.runner.workers import OpenWorkers, StreamLink, ToCoordinator, ToWorker, WorkerEnd


@contextmanager
def open_event_alarm() -> Iterator[Alarm]:
    """One that keeps to trio's clock, which is virtual here."""
    yield EventAlarm()


class StandingStill(trio.abc.Stream):
    """A worker's end of its link, of a worker that neither reads nor writes from one moment to
    another, unless it is ended."""

    def __init__(self, stream: trio.abc.Stream, from_s: float, until_s: float) -> None:
        self._stream = stream
        self._from_s = from_s
        self._until_s = until_s
        self.ended = trio.Event()

    async def _wait(self) -> None:
        if trio.current_time() >= self._from_s:
            with trio.move_on_at(self._until_s):
                await self.ended.wait()
        if self.ended.is_set():
            raise trio.BrokenResourceError

    async def send_all(self, data: Any) -> None:
        await self._wait()
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._wait()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if trio.current_time() < self._from_s:
            with trio.move_on_at(self._from_s):
                return await self._stream.receive_some(max_bytes)
        await self._wait()
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


def in_this_loop(
    environment: Callable[[], RunEnvironment],
    *,
    run: Path,
    key: Secret,
    kill: dict[int, float] | None = None,
    still: dict[int, tuple[float, float]] | None = None,
) -> OpenWorkers:
    """Workers that are tasks of this test. Those in `kill` are gone after so many seconds, and
    leave of their journal what a kill leaves: whatever they wrote until then. Those in `still`
    neither hear nor say anything between two moments, and what is sent to them waits."""

    @asynccontextmanager
    async def open_workers(count: int) -> AsyncIterator[Sequence[WorkerEnd]]:
        async with trio.open_nursery() as nursery:
            ends = []
            for number in range(1, count + 1):
                ours: trio.abc.Stream
                theirs: trio.abc.Stream
                ours, theirs = trio.testing.memory_stream_pair()
                gone, ended = trio.Event(), trio.Event()
                if number in (still or {}):
                    ours, theirs = trio.testing.lockstep_stream_pair()
                    theirs = StandingStill(theirs, *(still or {})[number])
                    ended = theirs.ended
                nursery.start_soon(one, number, theirs, gone)
                link = StreamLink[ToWorker, ToCoordinator](
                    ours, ToCoordinator, shared_s=trio.current_time
                )
                ends.append(WorkerEnd(link, partial(its_end, gone, ended)))
            yield ends
            for end in ends:
                await end.link.aclose()
            for end in ends:
                await end.gone()

    async def its_end(gone: trio.Event, ended: trio.Event) -> None:
        ended.set()
        await gone.wait()

    async def one(number: int, stream: trio.abc.Stream, gone: trio.Event) -> None:
        link = StreamLink[ToCoordinator, ToWorker](stream, ToWorker, shared_s=trio.current_time)
        left: dict[Path, bytes] = {}
        async with trio.open_nursery() as nursery:
            if number in (kill or {}):
                nursery.start_soon(killed, number, left, nursery.cancel_scope)
            await serve(link, environment(), key=key, alarm=open_event_alarm)
            nursery.cancel_scope.cancel()
        for path, written in left.items():
            path.write_bytes(written)
        await stream.aclose()
        gone.set()

    async def killed(number: int, left: dict[Path, bytes], scope: trio.CancelScope) -> None:
        await trio.sleep((kill or {})[number])
        left |= {each: each.read_bytes() for each in (run / "journal").glob(f"w{number:02}-*")}
        scope.cancel()

    return open_workers
