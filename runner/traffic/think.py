"""How long a user of a closed loop thinks between an answer and the next request."""

import random
from typing import Literal, NamedTuple

from headrace.jobs import InputError, parse_duration


class Think(NamedTuple):
    """A distribution of pauses in seconds: `constant` is `a` always, `uniform` from `a` to `b`,
    `exponential` has the mean `a`."""

    kind: Literal["constant", "uniform", "exponential"]
    a: float
    b: float = 0.0

    @property
    def words(self) -> str:
        """As it would be written."""
        if self.kind == "constant":
            return f"{self.a:g}s"
        rest = f":{self.b:g}s" if self.kind == "uniform" else ""
        return f"{self.kind}:{self.a:g}s{rest}"

    def draw_s(self, rng: random.Random) -> float:
        """One pause; a constant one takes no chance."""
        if self.kind == "constant":
            return self.a
        if self.kind == "uniform":
            return rng.uniform(self.a, self.b)
        return rng.expovariate(1 / self.a) if self.a else 0.0


def parse_think(text: str) -> Think:
    """`2s`, `uniform:1s:3s` or `exponential:2s` (its mean). Raises InputError."""
    kind, *times = text.strip().split(":")
    try:
        seconds = [parse_duration(each) for each in (times or [kind])]
    except ValueError as error:
        raise InputError(f"in the think time, {error}, uniform:1s:3s or exponential:2s") from error
    match kind, seconds:
        case "uniform", [float(low), float(high)] if low <= high:
            return Think("uniform", low, high)
        case "exponential", [float(mean)] if times:
            return Think("exponential", mean)
        case _, [float(pause)] if not times:
            return Think("constant", pause)
    raise InputError(
        f"{text!r} is not a think time; write 2s, uniform:1s:3s or exponential:2s (its mean)"
    )
