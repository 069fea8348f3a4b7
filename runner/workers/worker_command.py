"""How a worker's process is started and ended, here and on other machines. It imports next to
nothing."""

import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

# The descriptor of its link is added. Nothing beside a user's script can get in its way (-P).
WORKER_COMMAND = (sys.executable, "-P", "-m", "headrace.runner.worker_main")
# Sealing is one thread's work in each of them; polars reads this when it is loaded.
ONE_THREAD = {"POLARS_MAX_THREADS": "1"}


class StartedWorker(NamedTuple):
    """A worker's process, and this end of its link, which does not block."""

    process: subprocess.Popen[bytes]
    link: socket.socket


def start_worker(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    handed: Sequence[int] = (),
    said: int | IO[bytes] = subprocess.DEVNULL,
) -> StartedWorker:
    """Start one by a command, to which the descriptor of its link is added. Raises OSError.

    Args:
        command: what it is.
        environment: its own.
        handed: more descriptors that it has.
        said: where its standard error goes; nowhere, or it would spoil a display.
    """
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(
            [*command, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**ONE_THREAD, **environment},
            pass_fds=(theirs.fileno(), *handed),
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    ours.setblocking(False)
    return StartedWorker(process, ours)


def end_of(process: subprocess.Popen[bytes], within_s: float) -> int:
    """Wait until it has ended, and end it where that takes longer; its exit code. Blocks."""
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
