"""A worker: what the process does that `--workers` starts, with a link to its coordinator as its
only input.

It sends for a run that another process holds, and ends with its link. Signals are the
coordinator's: a Ctrl-C comes to all processes of a terminal, and one of them decides.
"""

import signal
import socket

import trio

from headrace import standard_streams
from headrace.jobs import HeadraceError

from .alarm import OpenAlarm, open_alarm
from .errors import CoordinatorLostError
from .limits import all_open_files
from .secret import Secret
from .session import REAL_ENVIRONMENT, RunEnvironment
from .signals import stopping_signals
from .worker_command import wait_for_hand
from .workers import (
    Begin,
    CoordinatorLink,
    Halt,
    LinkLostError,
    Reason,
    StreamLink,
    ToWorker,
    WorkerSession,
)


async def serve(
    link: CoordinatorLink,
    environment: RunEnvironment = REAL_ENVIRONMENT,
    *,
    key: Secret | None = None,
    alarm: OpenAlarm = open_alarm,
) -> None:
    """Be a worker for as long as the run takes. What makes it end early is told over the link. A
    `key` of None is that of the environment."""
    try:
        begin = await link.receive()
        assert isinstance(begin, Begin)
        if begin.ahead_s:
            link.follow(begin.ahead_s)
        await _session(begin, link, environment, key, alarm).work()
    except LinkLostError:
        return
    except CoordinatorLostError:
        return
    except HeadraceError as error:
        await _tell(link, error)


def _session(
    begin: Begin,
    link: CoordinatorLink,
    environment: RunEnvironment,
    key: Secret | None,
    alarm: OpenAlarm,
) -> WorkerSession:
    """Of its kind, which alone is loaded."""
    if begin.kind == "bulk":
        from .bulk import bulk_worker

        return bulk_worker(begin, link, environment, key=key)
    from .traffic import load_worker

    return load_worker(begin, link, environment, key=key, alarm=alarm)


async def _tell(link: CoordinatorLink, error: HeadraceError) -> None:
    try:
        await link.send(Halt(reason=Reason.of(error)))
    except LinkLostError:
        return


async def _serve_socket(descriptor: int) -> None:
    stream = trio.SocketStream(trio.socket.fromfd(descriptor, socket.AF_UNIX, socket.SOCK_STREAM))
    async with stream:
        await serve(StreamLink(stream, ToWorker))


def main(descriptor: int) -> None:
    """Work on the link that this descriptor is one end of."""
    for number in stopping_signals():
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping_signals())
    standard_streams.guard()
    with socket.fromfd(descriptor, socket.AF_UNIX, socket.SOCK_STREAM) as link:
        handed = wait_for_hand(link)
    if not handed:
        return  # the run came to nothing before it had begun
    with all_open_files():
        trio.run(_serve_socket, descriptor)
