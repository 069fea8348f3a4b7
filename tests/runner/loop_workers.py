"""Workers as tasks of a test, in its own loop and its own time."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

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


def in_this_loop(
    environment: Callable[[], RunEnvironment],
    *,
    run: Path,
    key: Secret,
    kill: dict[int, float] | None = None,
) -> OpenWorkers:
    """Workers that are tasks of this test. Those in `kill` are gone after so many seconds, and
    leave of their journal what a kill leaves: whatever they wrote until then."""

    @asynccontextmanager
    async def open_workers(count: int) -> AsyncIterator[Sequence[WorkerEnd]]:
        async with trio.open_nursery() as nursery:
            ends = []
            for number in range(1, count + 1):
                ours, theirs = trio.testing.memory_stream_pair()
                gone = trio.Event()
                nursery.start_soon(one, number, theirs, gone)
                link = StreamLink[ToWorker, ToCoordinator](
                    ours, ToCoordinator, shared_s=trio.current_time
                )
                ends.append(WorkerEnd(link, gone.wait))
            yield ends
            for end in ends:
                await end.link.aclose()

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
