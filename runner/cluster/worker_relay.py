"""The workers of one machine, on the loop of its dask process: started, relayed, and ended.

What they say and are told passes through unread. Each is a process of its own, so what measures
never waits for dask.
"""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from ..worker_command import WORKER_COMMAND, StartedWorker, end_of, hand, start_worker
from .segment_tail import Piece, SegmentTail

# A worker that is told to end has nothing in flight any more: it closes its files, and goes.
ENDS_WITHIN_S = 5.0
READ_AT_ONCE = 256 * 1024
# What a reply to the coordinator holds at most: more comes with the next.
HEARD_BYTES_MAX = 4 * 1024 * 1024
SAID_BYTES_MAX = 4096


class Ended(NamedTuple):
    """A worker's process is gone: its exit code, and the last line that it said."""

    worker: int
    exit_code: int
    said: str


class Heard(NamedTuple):
    """News of a machine's workers: pieces of journals, then what the workers said, then who is
    gone. A journal is never behind what its worker said."""

    pieces: list[Piece]
    said: list[tuple[int, bytes]]
    ended: list[Ended]


class _Worker:
    """One process, and this end of its link."""

    def __init__(self, started: StartedWorker, said: IO[bytes]) -> None:
        self.process, self.link = started
        self.said = said
        self.told = asyncio.Lock()
        self.patience_s = ENDS_WITHIN_S
        self.reading: asyncio.Task[None] | None = None


class WorkerRelay:
    """Workers of one run, in a directory of this machine that is theirs; made on the loop.

    Args:
        command: what a worker is started by; the descriptor of its link is added.
        grace_s: how long a worker's answers may take once its coordinator is gone.
    """

    def __init__(self, *, grace_s: float, command: Sequence[str] = WORKER_COMMAND) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="headrace-"))
        (self.directory / "journal").mkdir()
        self._command = command
        self._grace_s = grace_s
        self._tail = SegmentTail(self.directory / "journal")
        self._acked: dict[str, int] = {}
        self._workers: dict[int, _Worker] = {}
        self._said: list[tuple[int, bytes]] = []
        self._said_bytes = 0
        self._ended: list[Ended] = []
        self._ending = asyncio.Lock()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def start(self, numbers: Sequence[int]) -> None:
        """Start workers of these numbers. Raises OSError where the system starts none."""
        for number in numbers:
            worker = self._workers[number] = self._started()
            worker.reading = asyncio.ensure_future(self._read(number, worker))

    def _started(self) -> _Worker:
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed once the process is gone
        try:
            started = start_worker(self._command, os.environ, said=said)
            hand(started.link)
            return _Worker(started, said)
        except OSError:
            said.close()
            raise

    async def _read(self, number: int, worker: _Worker) -> None:
        """Take what a worker says until it is gone."""
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(worker.link, READ_AT_ONCE):
                self._said.append((number, data))
                self._said_bytes += len(data)
                self._news.set()
                if self._said_bytes > HEARD_BYTES_MAX:
                    self._room.clear()
                    await self._room.wait()
        except OSError:  # it was ended, or ended with something unread
            self._news.set()
        code = await asyncio.to_thread(end_of, worker.process, worker.patience_s)
        self._ended.append(Ended(number, code, _last_line(worker.said)))
        worker.said.close()
        self._news.set()

    async def tell(self, number: int, data: bytes) -> None:
        """Hand bytes over to a worker; those to one that is gone are lost with it."""
        worker = self._workers[number]
        async with worker.told:
            with suppress(OSError):  # `_read` sees that it is gone, and tells
                await asyncio.get_running_loop().sock_sendall(worker.link, data)

    def close(self, number: int) -> None:
        """End the link of a worker, which then ends."""
        _shut(self._workers[number].link)

    async def hear(self, acked: dict[str, int], wait_s: float) -> Heard:
        """What is new, once there is some, or after `wait_s` seconds; journals are looked at each
        time. `acked` is how far the coordinator has them (`SegmentTail.forget`)."""
        self._acked = acked
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), wait_s)
        self._news.clear()
        # What was said now is in a journal already, so the journals come after it is taken.
        said, self._said = self._said, []
        ended, self._ended = self._ended, []
        pieces = await asyncio.to_thread(self._look, acked)
        if sum(len(piece.data) for piece in pieces) >= HEARD_BYTES_MAX:
            # There is more: until it is told, nothing that was said is.
            self._said, self._ended = said + self._said, ended + self._ended
            said, ended = [], []
            self._news.set()
        self._said_bytes = sum(len(data) for _, data in self._said)
        self._room.set()
        return Heard(pieces, said, ended)

    def _look(self, acked: dict[str, int]) -> list[Piece]:
        self._tail.forget(acked)
        return self._tail.added(HEARD_BYTES_MAX)

    def abandon(self) -> None:
        """End all links: each worker sends nothing more, waits for what is in flight, and goes. Any
        thread may call it."""
        for worker in self._workers.values():
            worker.patience_s = self._grace_s + ENDS_WITHIN_S
            _shut(worker.link)

    async def end(self) -> None:
        """End all workers, and remove the directory where the coordinator has all of it: what was
        paid for is kept until then."""
        async with self._ending:
            await self._end()

    async def _end(self) -> None:
        self.abandon()
        for worker in self._workers.values():
            if worker.reading is not None:
                self._room.set()
                await worker.reading
            worker.link.close()
        self._workers.clear()
        pieces = await asyncio.to_thread(self._tail.added, 1)
        if not any(piece.data for piece in pieces) and self._tail.is_there(self._acked):
            await asyncio.to_thread(shutil.rmtree, self.directory, ignore_errors=True)


def _shut(link: socket.socket) -> None:
    with suppress(OSError):  # it was ended before
        link.shutdown(socket.SHUT_RDWR)


def _last_line(said: IO[bytes]) -> str:
    """The last line of what a process said, where it said something."""
    size = said.seek(0, 2)
    said.seek(max(0, size - SAID_BYTES_MAX))
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
