"""When requests are due in an open loop: pure sequences of moments, fixed before anything is sent.

An arrival process of one request per second is stretched so that it has the curve's rate: the n-th
request is due when the integral of the rate reaches the process's n-th moment (E. Çinlar,
"Introduction to Stochastic Processes", 1975, chapter 4.7: inversion of the integrated rate).
"""

import itertools
import math
import random
from collections.abc import Iterable, Iterator
from typing import Literal

from .curve import RateCurve

Arrivals = Literal["constant", "poisson", "gamma"]


def evenly() -> Iterator[float]:
    """0, 1, 2, ...: one per second, the first at once."""
    return (float(n) for n in itertools.count())


def at_random(rng: random.Random) -> Iterator[float]:
    """A Poisson process: gaps of an exponential distribution whose mean is 1."""
    return itertools.accumulate(rng.expovariate(1.0) for _ in itertools.count())


def in_bursts(rng: random.Random, variation: float) -> Iterator[float]:
    """Gaps of a gamma distribution with mean 1.

    `variation` is a gap's standard deviation by its mean: 1 is a Poisson process, less is more
    even, more comes in bursts with pauses between them.
    """
    spread = variation * variation
    return itertools.accumulate(rng.gammavariate(1 / spread, spread) for _ in itertools.count())


def arrivals_of(kind: Arrivals, *, rng: random.Random, variation: float) -> Iterator[float]:
    """The moments of one request per second, in the manner of `kind`."""
    if kind == "constant":
        return evenly()
    return at_random(rng) if kind == "poisson" else in_bursts(rng, variation)


def due_times(curve: RateCurve, arrivals: Iterable[float]) -> Iterator[float]:
    """Seconds from the start at which a request is due, in order; without end where the last rate
    is above 0."""
    latest_s = 0.0
    for moment in arrivals:
        due_s = curve.time_of(moment)
        if math.isinf(due_s):
            return
        # Two moments closer than a rounding error can come out in the other order.
        latest_s = max(latest_s, due_s)
        yield latest_s
