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


class AdjustedPercentile(msgspec.Struct, frozen=True, kw_only=True):
    """One percentile over all requests: its `value`; or, where too much was cut off to tell, what
    it is `at_least`; or `infinite`, where too many failed. An end of its interval that is not
    known is None."""

    name: str
    value: float | None
    at_least: float | None
    infinite: bool
    low: float | None
    high: float | None


class AdjustedCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What adjusted percentiles are of: times that are known, failures, and requests that were cut
    off or never sent."""

    known: int
    failed: int
    cut: int

    @property
    def differ(self) -> bool:
        """Whether there is anything that figures of answers lack."""
        return bool(self.failed or self.cut)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over measured answers, in seconds. `since` says what it counts from, where it
    counts from a moment.

    `adjusted` has the percentiles over the first attempts of all requests, answered or not, and
    `adjusted_of` how many these are; both only of times since a moment. Where nothing was
    answered, `count` is 0, there are no `percentiles`, and the figures beside it are None."""

    metric: str
    since: Since | None
    count: int
    mean: float | None
    min: float | None
    max: float | None
    percentiles: list[Percentile]
    adjusted: list[AdjustedPercentile] = []
    adjusted_of: AdjustedCounts | None = None

    def percentile(self, name: str) -> Percentile:
        """The one of that name, such as p99."""
        return next(each for each in self.percentiles if each.name == name)
