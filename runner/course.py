"""The course of the concurrency over a session: a bounded number of looks at it."""

from typing import NamedTuple

POINTS_MAX = 240
FIRST_INTERVAL_S = 1.0


class Look(NamedTuple):
    """Slots at a moment on trio's clock, and the most attempts in flight until the next look."""

    at_s: float
    limit: int
    in_flight: int


class Course:
    """Looks at least `interval_s` apart. When there are too many, two become one and the
    interval is doubled, so that a run of a minute and one of a month have as many."""

    def __init__(self) -> None:
        self.interval_s = FIRST_INTERVAL_S
        self.looks: list[Look] = []

    def note(self, look: Look) -> None:
        """Take this one in, as a part of the last one where that is not long ago."""
        if self.looks and look.at_s < self.looks[-1].at_s + self.interval_s:
            self.looks[-1] = _merged(self.looks[-1], look)
            return
        self.looks.append(look)
        if len(self.looks) > POINTS_MAX:
            pairs = zip(self.looks[::2], self.looks[1::2] + self.looks[-1:], strict=False)
            self.looks = [_merged(*pair) for pair in pairs]
            self.interval_s *= 2


def _merged(first: Look, second: Look) -> Look:
    if second.in_flight <= first.in_flight:
        return first
    return first._replace(in_flight=second.in_flight)
