"""How a worker's process is started and ended, here and on other machines. It imports next to
nothing: so a command can start them before it loads all that it needs itself, which they then load
beside it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, NamedTuple

# The descriptor of its link is added. Nothing beside a user's script can get in its way (-P).
WORKER_COMMAND = (sys.executable, "-P", "-m", "headrace.runner.worker_main")
# Sealing is one thread's work in each of them; polars reads this when it is loaded.
ONE_THREAD = {"POLARS_MAX_THREADS": "1"}
# What stops a run stops its coordinator, which tells its workers.
STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
# Comes before any message, with the descriptors that a worker holds as long as it lives.
HANDED = b"\0"
HANDED_MAX = 4


class StartedWorker(NamedTuple):
    """A worker's process, and this end of its link, which does not block."""

    process: subprocess.Popen[bytes]
    link: socket.socket


def start_worker(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    said: int | IO[bytes] = subprocess.DEVNULL,
) -> StartedWorker:
    """Start one by a command, to which the descriptor of its link is added. It waits for `hand`
    before it does anything but load, and heeds none of the signals that stop a run. Raises OSError.

    Args:
        command: what it is.
        environment: its own.
        said: where its standard error goes; nowhere, or it would spoil a display.
    """
    ours, theirs = socket.socketpair()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        process = subprocess.Popen(
            [*command, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**ONE_THREAD, **environment},
            pass_fds=(theirs.fileno(),),
        )
    except OSError:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    ours.setblocking(False)
    return StartedWorker(process, ours)


def hand(link: socket.socket, descriptors: Sequence[int] = ()) -> None:
    """Hand a worker what it is to hold as long as it lives, and let it begin. Raises OSError where
    it is gone."""
    socket.send_fds(link, [HANDED], list(descriptors))


def wait_for_hand(link: socket.socket) -> bool:
    """Be handed what `hand` says, which this process then holds; False where the other end is gone.
    Blocks."""
    data, _, _, _ = socket.recv_fds(link, len(HANDED), HANDED_MAX)
    return data == HANDED


@contextmanager
def started_early(count: int) -> Iterator[list[StartedWorker]]:
    """Start so many, for whoever takes them out of the list; the others are ended with the block.

    Where the system doesn't start all of them, the list is empty: whoever misses them sees why, and
    has the descriptors for that.
    """
    started: list[StartedWorker] = []
    try:
        try:
            started.extend(start_worker(WORKER_COMMAND, os.environ) for _ in range(count))
        except OSError:
            _end(started)
            started.clear()
        yield started
    finally:
        _end(started)


def _end(started: Sequence[StartedWorker]) -> None:
    for each in started:
        each.link.close()
        each.process.kill()
    for each in started:
        each.process.wait()


def end_of(process: subprocess.Popen[bytes], within_s: float) -> int:
    """Wait until it has ended, and end it where that takes longer; its exit code. Blocks."""
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
