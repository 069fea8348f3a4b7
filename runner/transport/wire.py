"""What is known of one attempt on the wire."""

from collections.abc import Awaitable, Callable
from typing import Protocol

# Is handed a piece of a body and when it arrived, on trio's clock; False is enough of it. What
# takes long is awaited before the next piece.
Take = Callable[[bytes, float | None], bool | Awaitable[bool]]
# The same of several pieces at once.
TakeAll = Callable[[list[tuple[bytes, float | None]]], bool | Awaitable[bool]]


class FirstTokens(Protocol):
    """When a stream's first token came, and the first that is not reasoning; None until then."""

    first_at_s: float | None
    first_content_at_s: float | None


class Wire:
    """What happened on the wire for one attempt; the transport fills it in as it goes.

    Moments are seconds on trio's clock and None until they come. `on_sent` is called with the clock
    before the first byte of the request is written to a ready connection; what it raises ends the
    attempt. `sent_at_s` is when it returned: nothing but the write lies between the two.
    Bytes count the request and the response with their heads, without TLS.

    `tokens` is what a stream's reader knows of its tokens: an attempt that is cancelled has no
    outcome to say it.

    With `swept`, a sweep reads the answer where there is one: for streams, of many chunks.

    With `timed`, `first_byte_at_s` and `arrived_at_s` are when the kernel got the bytes, and
    `client_lag_s` is the longest that any waited to be read; None where the kernel said nothing of
    any. Without it, and for such bytes, they are the clock at the read.
    """

    # Of the class until something is known: one is made for each attempt.
    connect_s: float | None = None
    reused: bool | None = None
    sent_at_s: float | None = None
    first_byte_at_s: float | None = None
    arrived_at_s: float | None = None
    client_lag_s: float | None = None
    tokens: FirstTokens | None = None
    bytes_sent: int = 0
    bytes_received: int = 0

    def __init__(
        self, on_sent: Callable[[float], None] | None = None, *, timed: bool = False
    ) -> None:
        self.on_sent = on_sent
        self.timed = timed
        self.swept = False

    def saw(self, now_s: float, arrived_at_s: float | None) -> None:
        """Bytes that came at `arrived_at_s` (None where nobody knows) were read by `now_s`."""
        if arrived_at_s is None:
            self.arrived_at_s = now_s
            return
        self.arrived_at_s = arrived_at_s
        lag_s = now_s - arrived_at_s
        if self.client_lag_s is None or lag_s > self.client_lag_s:
            self.client_lag_s = lag_s
