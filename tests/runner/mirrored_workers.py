"""Workers of other machines as tasks of a test, in its own loop and its own time.

Each has a directory of its own, a clock that is elsewhere, and a journal that is mirrored.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio
import trio.testing

from headrace.runner import RunEnvironment, Secret
from headrace.runner.cluster.journal_mirror import JournalMirror
from headrace.runner.cluster.remote_link import RemoteLink
from headrace.runner.cluster.segment_tail import SegmentTail
from headrace.runner.worker import serve
from headrace.runner.workers import (
    OpenWorkers,
    Place,
    StreamLink,
    ToCoordinator,
    ToWorker,
    WorkerEnd,
    WorkerLink,
)
from tests.runner.loop_workers import open_event_alarm

AHEAD_S = 12_345.5
KEY = Secret("sk-of-the-tests")


class MirroringLink:
    """A link after which nothing is behind: what its machine's journals have is here before
    anything that its worker said."""

    def __init__(self, link: WorkerLink, tail: SegmentTail, mirror: JournalMirror) -> None:
        self._link, self._tail, self._mirror = link, tail, mirror
        self.send, self.shared_s = link.send, link.shared_s
        self.follow, self.aclose = link.follow, link.aclose

    async def receive(self) -> ToCoordinator:
        message = await self._link.receive()
        self._tail.forget(self._mirror.acked)
        self._mirror.take(self._tail.added(1 << 30))
        return message


def on_machines(
    environment: Callable[[], RunEnvironment],
    *,
    root: Path,
    run: Path,
    files: Mapping[str, bytes] | None = None,
    kill: Mapping[int, float] | None = None,
    machines_stay: bool = False,
) -> OpenWorkers:
    """A machine for each worker, below `root`, for a run in `run`. Those in `kill` are gone after
    so many seconds, with whatever their workers wrote since they last said something; where their
    `machines_stay`, the workers alone are, and all that they wrote is told."""

    @asynccontextmanager
    async def open_workers(count: int) -> AsyncIterator[Sequence[WorkerEnd]]:
        async with trio.open_nursery() as nursery:
            ends = [await opened(nursery, number) for number in range(1, count + 1)]
            yield ends
            for end in ends:
                await end.link.aclose()

    async def opened(nursery: trio.Nursery, number: int) -> WorkerEnd:
        machine = root / f"machine-{number}"
        (machine / "journal").mkdir(parents=True)
        ours, theirs = trio.testing.memory_stream_pair()
        gone = trio.Event()
        place = Place(f"machine-{number}", number / 2500)
        there: StreamLink[ToCoordinator, ToWorker] = StreamLink(
            theirs, ToWorker, shared_s=lambda: trio.current_time() + AHEAD_S
        )
        plain: WorkerLink = StreamLink(ours, ToCoordinator, shared_s=trio.current_time)
        mirror = JournalMirror(run / "journal", {number})
        link = RemoteLink(plain, directory=str(machine), ahead_s=AHEAD_S, files=files or {})
        tail = SegmentTail(machine / "journal")

        async def work() -> None:
            async with trio.open_nursery() as life:
                if number in (kill or {}):
                    life.start_soon(killed, life.cancel_scope)
                await serve(there, environment(), key=KEY, alarm=open_event_alarm)
                life.cancel_scope.cancel()
            await theirs.aclose()
            gone.set()

        async def killed(life: trio.CancelScope) -> None:
            await trio.sleep((kill or {})[number])
            if machines_stay:  # a kill leaves what was written until then
                mirror.take(tail.added(1 << 30))
            place.lost = not machines_stay
            life.cancel()

        nursery.start_soon(work)
        return WorkerEnd(MirroringLink(link, tail, mirror), gone.wait, place)

    return open_workers
