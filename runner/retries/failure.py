"""Why an attempt has no answer that can be used, and what follows from it."""

import ssl
from typing import NamedTuple

import httpx

from headrace.jobs import SERVICE_KINDS, ErrorKind, counts_toward_outage

from ..transport import UnprocessedError

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504, 529})
OVERLOAD_STATUSES = frozenset({429, 503, 529})


class Failure(NamedTuple):
    """One failed attempt. `retry_after_s` is what the answer asked for, in seconds.

    `final` is set where another attempt would only pay for the same again, `unprocessed` where the
    service says that it did nothing with this one.
    """

    kind: ErrorKind
    message: str
    code: str | None = None
    status: int | None = None
    retry_after_s: float | None = None
    final: bool = False
    unprocessed: bool = False

    @property
    def retried(self) -> bool:
        """Whether another attempt may do better."""
        if self.final:
            return False
        if self.kind == "http":
            return self.status in RETRIED_STATUSES
        return self.kind in SERVICE_KINDS

    @property
    def of_service(self) -> bool:
        """Whether it counts toward an outage: a failure of the transport, or a 5xx."""
        return not (self.final or self.unprocessed) and counts_toward_outage(
            self.kind, status=self.status, code=self.code
        )

    @property
    def of_load(self) -> bool:
        """Whether fewer attempts at once might have spared it."""
        return self.kind in ("timeout", "connect") or self.status in OVERLOAD_STATUSES


def transport_failure(error: httpx.TransportError, *, in_stream: bool) -> Failure:
    """The failure behind an error of the transport; `in_stream` once a stream had begun."""
    message = str(error)
    if isinstance(error, UnprocessedError):
        return Failure("reset", message, unprocessed=True)
    if isinstance(error, httpx.TimeoutException):
        return Failure("timeout", message)
    if isinstance(error, httpx.ConnectError):
        return Failure("tls" if _from_tls(error) else "connect", message)
    if in_stream:
        return Failure("stream", f"the stream broke off: {message}")
    if isinstance(error, httpx.ProtocolError):
        return Failure("protocol", message)
    return Failure("reset", message)


def _from_tls(error: BaseException) -> bool:
    """Whether a TLS error is among the causes: trio wraps what a handshake raises."""
    cause = error.__cause__
    return cause is not None and (isinstance(cause, ssl.SSLError) or _from_tls(cause))
