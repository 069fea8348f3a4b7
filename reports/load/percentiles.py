"""Exact percentiles from the rows, each with its 95 % interval.

The percentile is definition 7 of R. Hyndman, Y. Fan, "Sample quantiles in statistical packages",
The American Statistician 50(4), 1996: numpy's and polars' "linear".
"""

import math
from collections.abc import Sequence

import numpy as np

from .intervals import Floats, Ints, Ranks, grouped_ranks, order_ranks
from .spread import Percentile, Since, Spread

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


def quantile(values: Floats, share: float) -> float | None:
    """One percentile, as a spread has it; None without values."""
    return float(np.quantile(values, share)) if len(values) else None


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


def no_spread(metric: str, *, since: Since) -> Spread:
    """That of a time which no answer has."""
    return Spread(
        metric=metric, since=since, count=0, mean=None, min=None, max=None, percentiles=[]
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
