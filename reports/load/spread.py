"""How one figure spreads: a few of its percentiles, each with its 95 % interval."""

from typing import Literal

import msgspec

Since = Literal["sent", "due"]


class Percentile(msgspec.Struct, frozen=True, kw_only=True):
    """One percentile and its interval; an end is None where there are too few values to tell."""

    name: str
    value: float
    low: float | None
    high: float | None


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over measured answers, in seconds. `since` says what it counts from, where it
    counts from a moment."""

    metric: str
    since: Since | None
    count: int
    mean: float
    min: float
    max: float
    percentiles: list[Percentile]

    def percentile(self, name: str) -> Percentile:
        """The one of that name, such as p99."""
        return next(each for each in self.percentiles if each.name == name)
