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
        self._next_s = float("-inf")
        self._most = 0  # in flight since the last look

    def note(self, at_s: float, limit: int, in_flight: int) -> None:
        """Take this moment in, as a part of the last look where that is not long ago."""
        if at_s < self._next_s:
            if in_flight > self._most:
                self._most = in_flight
                self.looks[-1] = self.looks[-1]._replace(in_flight=in_flight)
            return
        self.looks.append(Look(at_s, limit, in_flight))
        if len(self.looks) > POINTS_MAX:
            pairs = zip(self.looks[::2], self.looks[1::2] + self.looks[-1:], strict=False)
            self.looks = [_merged(*pair) for pair in pairs]
            self.interval_s *= 2
        self._next_s = self.looks[-1].at_s + self.interval_s
        self._most = self.looks[-1].in_flight


def _merged(first: Look, second: Look) -> Look:
    if second.in_flight <= first.in_flight:
        return first
    return first._replace(in_flight=second.in_flight)
