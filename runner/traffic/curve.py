"""How many requests per second a load run wants over time, as straight lines between points."""

import itertools
import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from headrace.jobs import InputError, parse_duration

_RATE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(?:/\s*(s|sec|m|min|h))?", re.ASCII)
_PER_S = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, None: 1.0}


class Point(NamedTuple):
    """The rate at a moment of the run, in requests per second."""

    at_s: float
    rate_per_s: float


class RateCurve:
    """The rate over time: a line from each point to the next, and the last rate from there on.

    Two points at one moment make a step. The first is at 0 s.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = tuple(points)
        self._starts_s = [point.at_s for point in self.points]
        # Requests before each point: the integral of the lines.
        self._counts = [0.0]
        for before, after in itertools.pairwise(self.points):
            mean = (before.rate_per_s + after.rate_per_s) / 2
            self._counts.append(self._counts[-1] + mean * (after.at_s - before.at_s))

    @property
    def end_s(self) -> float:
        """When the last point is reached."""
        return self.points[-1].at_s

    def rate(self, at_s: float) -> float:
        """Requests per second at that moment; at a step, what comes after it."""
        place = max(0, bisect_right(self._starts_s, at_s) - 1)
        point = self.points[place]
        return point.rate_per_s + self._slope(place) * (at_s - point.at_s)

    def count(self, at_s: float) -> float:
        """The integral of the rate from 0 to `at_s`."""
        place = max(0, bisect_right(self._starts_s, at_s) - 1)
        passed_s = at_s - self.points[place].at_s
        slope = self._slope(place)
        return self._counts[place] + passed_s * (
            self.points[place].rate_per_s + slope * passed_s / 2
        )

    def time_of(self, count: float) -> float:
        """When the integral of the rate goes beyond `count`; inf where it never does."""
        place = bisect_right(self._counts, count) - 1
        left = count - self._counts[place]
        rate, slope = self.points[place].rate_per_s, self._slope(place)
        last = place + 1 == len(self.points)
        if last and not rate:
            return math.inf
        if left <= 0:
            return self.points[place].at_s
        if not slope:
            passed_s = left / rate
        else:
            # The root of slope/2 x^2 + rate x = left that is stable for small slopes.
            divisor = rate + math.sqrt(max(0.0, rate * rate + 2 * slope * left))
            passed_s = 2 * left / divisor if divisor else 0.0  # too little for a float to tell
        at_s = self.points[place].at_s + passed_s
        return at_s if last else min(at_s, self.points[place + 1].at_s)

    def _slope(self, place: int) -> float:
        if place + 1 >= len(self.points):
            return 0.0
        before, after = self.points[place : place + 2]
        span_s = after.at_s - before.at_s
        return (after.rate_per_s - before.rate_per_s) / span_s if span_s else 0.0


def parse_rate(text: str) -> float:
    """Requests per second in `50/s`, `3000/min` or `50`. Raises InputError."""
    found = _RATE.fullmatch(text.strip().lower())
    if found is None:
        raise InputError(f"{text!r} is not a rate; write it like 50/s or 3000/min")
    return float(found[1]) / _PER_S[found[2]]


def parse_stages(text: str) -> RateCurve:
    """`0s:5/s, 60s:50/s, 60s:0/s`: moments from the start, and the rate at each.

    Raises InputError where a stage can't be read, they are not in order, the first is not at 0 s,
    or no request is ever due.
    """
    points: list[Point] = []
    for stage in text.split(","):
        moment, colon, rate = stage.partition(":")
        if not colon:
            raise InputError(
                f"{stage.strip()!r} is not a stage; write the stages like '0s:5/s, 60s:50/s'"
            )
        at_s = stage_at_s(moment, points[-1].at_s if points else 0.0)
        points.append(Point(at_s, parse_rate(rate)))
    if not is_course([point.at_s for point in points]):
        raise InputError("one rate makes no stages; write '0s:5/s, 60s:50/s', or give --rate")
    curve = RateCurve(points)
    if not curve.count(curve.end_s):
        raise InputError("the rate is 0 throughout; let one stage have another")
    return curve


def stage_at_s(moment: str, before_s: float) -> float:
    """When a stage is, as it is written; the one before it is at `before_s`. Raises InputError."""
    try:
        at_s = parse_duration(moment)
    except ValueError as error:
        raise InputError(f"in the stages, {error}") from error
    if at_s < before_s:
        raise InputError(f"the stage at {moment.strip()} comes after a later one; sort them")
    return at_s


def is_course(times_s: Sequence[float]) -> bool:
    """Whether there is time between stages at these moments. Raises InputError where the first is
    not at 0 s."""
    if times_s[0]:
        raise InputError(f"the first stage is at {times_s[0]:g} s; let the first be at 0s")
    return len(times_s) > 1 and times_s[-1] > 0
