"""The course of the concurrency over a session: a bounded number of looks at it."""

from typing import NamedTuple

POINTS_MAX = 240
FIRST_INTERVAL_S = 1.0


class Look(NamedTuple):
    """Slots and attempts in flight at a moment on trio's clock."""

    at_s: float
    limit: int
    in_flight: int


class Course:
    """Looks at least `interval_s` apart. When there are too many, every second one is dropped and
    the interval doubled, so that a run of a minute and one of a month have as many."""

    def __init__(self) -> None:
        self.interval_s = FIRST_INTERVAL_S
        self.looks: list[Look] = []

    def note(self, look: Look) -> None:
        """Take this one in, if the last is long enough ago."""
        if self.looks and look.at_s < self.looks[-1].at_s + self.interval_s:
            return
        self.looks.append(look)
        if len(self.looks) > POINTS_MAX:
            del self.looks[1::2]
            self.interval_s *= 2
