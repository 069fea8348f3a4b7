"""Why an attempt has no answer that can be used, and what follows from it."""

import ssl
from typing import NamedTuple

import httpx

from headrace.jobs import SERVICE_KINDS, UNPROCESSED, ErrorKind, counts_toward_outage

from ..transport import UnprocessedError

RETRIED_BELOW_500 = frozenset({408, 409, 425, 429})
NOT_RETRIED_FROM_500 = frozenset({501, 505})
OVERLOAD_STATUSES = frozenset({429, 503, 529})
# What no x-should-retry may have sent again: the key, and the money.
NEVER_RETRIED = frozenset({401, 402, 403})
# A 504, or a wait in vain, this long after sending says that the job takes too long for something
# on the way, and was likely worked on.
LONG_WAIT_S = 10.0


class Failure(NamedTuple):
    """One failed attempt.

    `status` is what it is judged by: the answer's own, or that of an error inside a 200.
    `retry_after_s` is what the answer asked for, in seconds; `retry_told` what its x-should-retry
    said. `final` is set where another attempt would only pay for the same again, `unprocessed`
    where the server says that it did nothing with the request.
    """

    kind: ErrorKind
    message: str
    code: str | None = None
    status: int | None = None
    retry_after_s: float | None = None
    final: bool = False
    retry_told: bool | None = None
    unprocessed: bool = False

    @property
    def retried(self) -> bool:
        """Whether another attempt may do better."""
        status = self.status or 0
        if self.final:
            return False
        if self.retry_told is not None:
            return self.retry_told and status not in NEVER_RETRIED
        if self.kind == "http":
            return status in RETRIED_BELOW_500 or (
                status >= 500 and status not in NOT_RETRIED_FROM_500
            )
        return self.kind in SERVICE_KINDS and status not in NOT_RETRIED_FROM_500

    def took_too_long(self, waited_s: float | None) -> bool:
        """Whether something on the way gave up on it, `waited_s` after it was sent."""
        gave_up = self.status == 504 or self.kind == "timeout"
        return gave_up and waited_s is not None and waited_s >= LONG_WAIT_S

    @property
    def of_service(self) -> bool:
        """Whether it counts toward an outage: a failure of the transport, or a 5xx."""
        return not self.final and counts_toward_outage(
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
        return Failure("reset", message, UNPROCESSED, unprocessed=True)
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
