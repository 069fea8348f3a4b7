"""Requests and tokens per minute, counted at arrival in one of three kinds of window.

Times are whole microseconds on the caller's clock, and counts are integers, so a Retry-After is
exactly long enough. A refused request counts toward nothing.
"""

from collections import deque
from typing import Literal, NamedTuple, Protocol

WindowKind = Literal["fixed", "sliding", "bucket"]
MINUTE_US = 60_000_000
# The highest limit that can be set: far above what a machine can serve.
MAX_PER_MINUTE = 10**12


class OverLimit(NamedTuple):
    """Over a limit: whole seconds until the same request fits, and the headers' numbers.

    `limit` is None where only tokens are limited, since the headers are about requests.
    """

    retry_after_s: int
    limit: int | None
    remaining: int


class LimitWindow(Protocol):
    """Counts one quantity against a `limit` per minute."""

    limit: int

    def wait_us(self, now_us: int, amount: int) -> int:
        """Microseconds until `amount` more fits; 0 when it fits now."""

    def add(self, now_us: int, amount: int) -> None:
        """Count `amount` at `now_us`."""

    def remaining(self, now_us: int) -> int:
        """What still fits now, in whole units, never below 0."""


class FixedWindow:
    """Clock minutes: the count starts at 0 in each."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._minute = 0
        self._used = 0

    def _roll_over(self, now_us: int) -> None:
        minute = now_us // MINUTE_US
        if minute != self._minute:
            self._minute, self._used = minute, 0

    def wait_us(self, now_us: int, amount: int) -> int:
        self._roll_over(now_us)
        return 0 if self._used + amount <= self.limit else MINUTE_US - now_us % MINUTE_US

    def add(self, now_us: int, amount: int) -> None:
        self._roll_over(now_us)
        self._used += amount

    def remaining(self, now_us: int) -> int:
        self._roll_over(now_us)
        return max(0, self.limit - self._used)


class SlidingWindow:
    """The last 60 s: what was counted at t no longer counts at t + 60 s."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._counted: deque[tuple[int, int]] = deque()
        self._used = 0

    def _forget(self, now_us: int) -> None:
        counted = self._counted
        while counted and counted[0][0] <= now_us - MINUTE_US:
            self._used -= counted.popleft()[1]

    def wait_us(self, now_us: int, amount: int) -> int:
        self._forget(now_us)
        excess = self._used + amount - self.limit
        if excess <= 0:
            return 0
        for at_us, counted in self._counted:
            excess -= counted
            if excess <= 0:
                return at_us + MINUTE_US - now_us
        return MINUTE_US

    def add(self, now_us: int, amount: int) -> None:
        self._forget(now_us)
        self._counted.append((now_us, amount))
        self._used += amount

    def remaining(self, now_us: int) -> int:
        self._forget(now_us)
        return max(0, self.limit - self._used)


class BucketWindow:
    """A token bucket: full at first, refilled evenly at `limit` per minute, up to `capacity`."""

    def __init__(self, limit: int, capacity: int) -> None:
        self.limit = limit
        self.capacity = capacity
        # In units of 1/60,000,000, of which `limit` flow in each microsecond.
        self._level = capacity * MINUTE_US
        self._at_us = 0

    def _refill(self, now_us: int) -> None:
        if now_us > self._at_us:
            flowed = (now_us - self._at_us) * self.limit
            self._level = min(self.capacity * MINUTE_US, self._level + flowed)
            self._at_us = now_us

    def wait_us(self, now_us: int, amount: int) -> int:
        self._refill(now_us)
        missing = min(amount, self.capacity) * MINUTE_US - self._level
        return 0 if missing <= 0 else -(-missing // self.limit)

    def add(self, now_us: int, amount: int) -> None:
        self._refill(now_us)
        self._level -= amount * MINUTE_US

    def remaining(self, now_us: int) -> int:
        self._refill(now_us)
        return max(0, self._level // MINUTE_US)


def _window(kind: WindowKind, limit: int, capacity: int) -> LimitWindow:
    if kind == "fixed":
        return FixedWindow(limit)
    if kind == "sliding":
        return SlidingWindow(limit)
    return BucketWindow(limit, capacity)


class KeyLimits:
    """One key's RPM and TPM; None is unlimited."""

    def __init__(self, kind: WindowKind, rpm: int | None, tpm: int | None) -> None:
        self.tpm = tpm
        # A bucket holds 2 s' worth of requests and a minute's worth of tokens.
        self._requests = None if rpm is None else _window(kind, rpm, max(2, -(-rpm // 30)))
        self._tokens = None if tpm is None else _window(kind, tpm, tpm)

    def admit(self, now_us: int, tokens: int) -> OverLimit | None:
        """Count one request of `tokens` and return None, or count nothing and say why not.

        A request of more than `tpm` tokens never fits: the caller refuses it beforehand.
        """
        requests, token_window = self._requests, self._tokens
        if requests is None and token_window is None:
            return None
        wait_us = 0 if requests is None else requests.wait_us(now_us, 1)
        if token_window is not None:
            wait_us = max(wait_us, token_window.wait_us(now_us, tokens))
        if wait_us:
            return self.over_limit(now_us, -(-wait_us // 1_000_000))
        if requests is not None:
            requests.add(now_us, 1)
        if token_window is not None:
            token_window.add(now_us, tokens)
        return None

    def over_limit(self, now_us: int, retry_after_s: int) -> OverLimit:
        """A refusal with the numbers of now, whether or not a limit is really exceeded."""
        if self._requests is None:
            return OverLimit(retry_after_s, None, 0)
        return OverLimit(retry_after_s, self._requests.limit, self._requests.remaining(now_us))
