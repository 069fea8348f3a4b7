"""Time limits on the phases of a request, and one place where trio's errors become httpx's."""

import os
import socket
import ssl
from types import TracebackType
from typing import NamedTuple, Self

import httpx
import trio

from .tls import words_for


class Timeouts(NamedTuple):
    """Seconds that each phase of a request may take.

    `first_byte` is from the request's end to the answer's first byte, `read` between two reads
    after that, and `total` the whole of it from the first byte sent. An unstreamed answer of a
    large model can take minutes to begin.
    """

    connect: float = 10.0
    write: float = 60.0
    first_byte: float = 600.0
    read: float = 120.0
    total: float = 4 * 3600.0


class RequestWait(NamedTuple):
    """A phase of a request: what is waited for, and the errors of a wait too long or in vain."""

    what: str
    late: type[httpx.TimeoutException]
    broken: type[httpx.TransportError]


CONNECT = RequestWait("a connection", httpx.ConnectTimeout, httpx.ConnectError)
WRITE = RequestWait("the request to go", httpx.WriteTimeout, httpx.WriteError)
FIRST_BYTE = RequestWait("an answer", httpx.ReadTimeout, httpx.ReadError)
READ = RequestWait("more of the answer", httpx.ReadTimeout, httpx.ReadError)
TOTAL = RequestWait("the end of the answer", httpx.ReadTimeout, httpx.ReadError)

BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


class WaitLimit:
    """A time limit on one phase, from now, and no longer than `until_s`, the end of all of them."""

    __slots__ = ("_kind", "_scope", "_seconds")

    def __init__(
        self,
        kind: RequestWait,
        seconds: float,
        *,
        until_s: float = float("inf"),
        total_s: float = 0.0,
    ) -> None:
        now_s = trio.current_time()
        if now_s + seconds > until_s:
            kind, seconds, now_s = TOTAL, total_s, until_s - total_s
        self._kind = kind
        self._seconds = seconds
        self._scope = trio.CancelScope(deadline=now_s + seconds)

    def __enter__(self) -> Self:
        self._scope.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        swallowed = self._scope.__exit__(exc_type, error, traceback)
        if self._scope.cancelled_caught:
            raise late(self._kind, self._seconds)
        if isinstance(error, BROKEN):
            raise broken(self._kind, error) from error
        return bool(swallowed)


def late(kind: RequestWait, seconds: float) -> httpx.TimeoutException:
    """The error of a phase that took longer than it may."""
    return kind.late(f"waited {seconds:g} s for {kind.what}")


def broken(kind: RequestWait, error: BaseException) -> httpx.TransportError:
    """The error of a phase in which the stream failed."""
    return kind.broken(_reason(error))


def _reason(error: BaseException) -> str:
    """What went wrong, in the words of the cause that knows it best."""
    cause = error.__cause__
    if isinstance(error, ssl.SSLError) and (words := words_for(error)) is not None:
        return words
    if isinstance(cause, BaseExceptionGroup):  # one error for each address that was tried
        cause = cause.exceptions[0]
    if isinstance(cause, OSError):
        return _reason(cause)
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        # A failed look-up has numbers of its own.
        return (
            str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno)
        )
    return str(error) or type(error).__name__
