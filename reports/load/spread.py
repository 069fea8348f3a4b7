"""How one figure spreads: exact percentiles from the rows, each with its 95 % interval.

The percentile is definition 7 of R. Hyndman, Y. Fan, "Sample quantiles in statistical packages",
The American Statistician 50(4), 1996: numpy's and polars' "linear".
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from .intervals import Floats, Ints, Ranks, grouped_ranks, order_ranks

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}

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


def spread_of(
    metric: str, values: Floats, *, since: Since | None = None, lengths: Ints | None = None
) -> Spread | None:
    """The spread of values in any order; None without any.

    `lengths` says how many in a row belong together, where they are not independent.
    """
    count = len(values)
    if not count:
        return None
    shares = list(SHARES.values())
    found = np.quantile(values, shares)
    if lengths is None:
        ranks = [order_ranks(count, share) for share in shares]
    else:
        lengths = lengths[lengths > 0]
        ranks = [
            grouped_ranks(values, lengths, share=share, at=float(at))
            for share, at in zip(shares, found, strict=True)
        ]
    ends = _at(values, ranks)
    return Spread(
        metric=metric,
        since=since,
        count=count,
        mean=math.fsum(values) / count,
        min=float(values.min()),
        max=float(values.max()),
        percentiles=[
            Percentile(name=name, value=float(value), low=low, high=high)
            for name, value, (low, high) in zip(SHARES, found, ends, strict=True)
        ],
    )


def _at(values: Floats, ranks: Sequence[Ranks]) -> list[tuple[float | None, float | None]]:
    """The values at these ranks, without sorting all of them."""
    wanted = sorted({rank for pair in ranks for rank in pair if rank is not None})
    parted = np.partition(values, wanted) if wanted else values
    return [
        (
            None if low is None else float(parted[low]),
            None if high is None else float(parted[high]),
        )
        for low, high in ranks
    ]
