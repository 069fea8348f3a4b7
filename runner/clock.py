"""The run's clock: trio's for durations, and one wall-clock anchor to name moments by."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import trio


def wall_now() -> datetime:
    """The wall clock, in UTC. Read once a session, to anchor the run's clock."""
    return datetime.now(UTC)


class RunClock:
    """Seconds on trio's clock, and the UTC time that goes with them.

    The wall clock is read once: a step of it during the run can't bend a duration or put one record
    before another.
    """

    def __init__(self, wall: Callable[[], datetime] = wall_now) -> None:
        # Seconds on trio's clock. `trio.current_time` finds the clock anew at each call.
        self.now: Callable[[], float] = trio.lowlevel.current_clock().current_time
        self._start_s = self.now()
        self._start_utc = wall()

    def utc(self, moment_s: float) -> datetime:
        """The UTC time of a moment on trio's clock."""
        # (In days and seconds: a third faster than by name, and asked four times for each job.)
        return self._start_utc + timedelta(0, moment_s - self._start_s)

    def seconds(self, moment: datetime) -> float:
        """The moment on trio's clock of a UTC time, earlier sessions' included."""
        return self._start_s + (moment - self._start_utc).total_seconds()
