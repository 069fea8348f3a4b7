"""Durations are on trio's clock; one reading of the wall clock dates them."""

import datetime as dt
from collections.abc import Callable

import trio


def utc_now() -> dt.datetime:
    """The machine's wall clock."""
    return dt.datetime.now(dt.UTC)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Clock:
    """Turns times of trio's clock into dates. `now` is called once, at the first use."""

    def __init__(self, now: Callable[[], dt.datetime] = utc_now) -> None:
        self._now = now
        self._anchor: tuple[float, dt.datetime] | None = None
        self._anchor_us = 0

    @property
    def anchor(self) -> tuple[float, dt.datetime]:
        """trio's time and the wall clock's (UTC) at the same instant."""
        if self._anchor is None:
            date = self._now().astimezone(dt.UTC)
            self._anchor = (trio.current_time(), date)
            self._anchor_us = (date - _EPOCH) // dt.timedelta(microseconds=1)
        return self._anchor

    def start(self) -> None:
        """Set the anchor, unless it is set."""
        self.anchor  # noqa: B018

    def unix_us(self, at: float | None = None) -> int:
        """Whole microseconds since 1970 of `at` on trio's clock, or of now."""
        elapsed_s = (trio.current_time() if at is None else at) - self.anchor[0]
        return self._anchor_us + round(elapsed_s * 1_000_000)

    def wall(self, at: float | None = None) -> dt.datetime:
        """UTC date of `at` on trio's clock, or of now."""
        began, date = self.anchor
        return date + dt.timedelta(seconds=(trio.current_time() if at is None else at) - began)
