"""Clients that don't wait: a share of the requests is cancelled some time after it was sent."""

import random
from typing import Any, NamedTuple

import msgspec
import trio

from headrace.jobs import CLIENT_CANCELLED, Attempt, InputError, parse_duration

from ..admission import InFlight
from ..attempts import STOPPED, Attempts, Conclusion


class Cancelling(NamedTuple):
    """Which share of the requests is cancelled, and how long after it was sent."""

    share: float
    after_s: float

    def has(self, index: int, seed: int) -> bool:
        """Whether the request of this index is one of them."""
        return random.Random(f"{seed}/cancel/{index}").random() < self.share


def parse_cancel(text: str) -> Cancelling:
    """`5%@2s`: a share of the requests, and after how long. Raises InputError."""
    said, _, time = text.partition("@")
    try:
        share = float(said.strip().removesuffix("%")) / (100 if "%" in said else 1)
        after_s = parse_duration(time)
    except ValueError:
        share, after_s = 0.0, 0.0
    if not 0 < share <= 1 or not after_s > 0:
        raise InputError(
            f"--cancel {text!r} can't be read; write a share of the requests and a time after "
            "they are sent, such as 5%@2s"
        )
    return Cancelling(share, after_s)


class CancellingAttempts(Attempts):
    """Attempts of which some are cancelled. Their rows say that it was the client, and what they
    may have cost is kept as of any that was cancelled; their jobs have no result."""

    def __init__(self, *, cancelling: Cancelling, seed: int, **parts: Any) -> None:
        super().__init__(**parts)
        self._cancelling = cancelling
        self._seed = seed
        self._scopes: dict[InFlight, trio.CancelScope] = {}

    async def make(self, flight: InFlight) -> Conclusion:
        if not self._cancelling.has(flight.job.index, self._seed):
            return await super().make(flight)
        with trio.CancelScope() as scope:
            self._scopes[flight] = scope
            try:
                return await super().make(flight)
            finally:
                del self._scopes[flight]
        return STOPPED

    def _sent(self, flight: InFlight, sent_s: float) -> None:
        super()._sent(flight, sent_s)
        if (scope := self._scopes.get(flight)) is not None:
            scope.deadline = sent_s + self._cancelling.after_s

    def _cancelled_row(self, flight: InFlight) -> Attempt:
        row = super()._cancelled_row(flight)
        scope = self._scopes.get(flight)
        if scope is None or not scope.cancel_called:
            return row  # it was the end of the run
        said = f"cancelled by this client after {self._cancelling.after_s:g} s (--cancel)"
        return msgspec.structs.replace(row, error_code=CLIENT_CANCELLED, error_message=said)
