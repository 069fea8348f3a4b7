"""Worker processes on this machine: started, each with a link, and ended with the block."""

import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio

from headrace.jobs import counted

from ..defaults import KEY_VARIABLE
from ..errors import WorkerError
from ..secret import Secret
from ..worker_command import WORKER_COMMAND, StartedWorker, end_of, hand, start_worker
from .crew import WorkerEnd, WorkerLink
from .link import StreamLink
from .messages import ToCoordinator

# What a worker that has had its last word may take to be gone.
ENDS_WITHIN_S = 5.0


class WorkerProcesses:
    """Opens workers that are processes of this machine.

    They hold the run's lock, so that nobody else takes the directory while one of them is left,
    and heed no signal: the coordinator does, and they end with it.

    Args:
        key: theirs by the environment alone.
        lock: the descriptor that holds the run directory.
        command: what each of them is; the descriptor of its link is added.
        ends_within_s: how long one that has lost its link may take to be gone; then it is killed.
        early: those that were started before, which are taken out of it first.
    """

    def __init__(
        self,
        key: Secret,
        lock: int,
        *,
        command: Sequence[str] = WORKER_COMMAND,
        ends_within_s: float = ENDS_WITHIN_S,
        early: list[StartedWorker] | None = None,
    ) -> None:
        self._key = key
        self._lock = lock
        self._command = command
        self._ends_within_s = ends_within_s
        self._early = [] if early is None else early

    @asynccontextmanager
    async def __call__(self, count: int) -> AsyncIterator[Sequence[WorkerEnd]]:
        """Start them. Raises WorkerError where the system starts none."""
        started: list[StartedWorker] = []
        ends: list[WorkerEnd] = []
        try:
            while self._early and len(started) < count:
                started.append(self._early.pop(0))
            started.extend(self._start(count) for _ in range(count - len(started)))
            ends.extend(self._end(each) for each in started)
            yield ends
        finally:
            with trio.CancelScope(shield=True):
                for end in ends:
                    await end.link.aclose()
                for each in started[len(ends) :]:
                    each.link.close()
                for each in started:
                    await self._gone(each.process)

    def _start(self, count: int) -> StartedWorker:
        environment = {**os.environ, KEY_VARIABLE: self._key.reveal()}
        try:
            return start_worker(self._command, environment)
        except OSError as error:
            what = counted(count, "worker")
            raise WorkerError(
                f"{what} can't be started ({error.strerror}); give fewer --workers"
            ) from error

    def _end(self, each: StartedWorker) -> WorkerEnd:
        with suppress(OSError):  # it has ended by itself, which its link tells
            hand(each.link, [self._lock])
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(each.link))
        link: WorkerLink = StreamLink(stream, ToCoordinator)
        return WorkerEnd(link, partial(self._gone, each.process))

    async def _gone(self, process: subprocess.Popen[bytes]) -> None:
        """Return once it certainly writes no more: it ends when its link does, or is ended."""
        await trio.to_thread.run_sync(partial(end_of, process, self._ends_within_s))
