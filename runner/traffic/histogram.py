"""Quantiles of many times in little memory, for what is looked at while it still grows."""

import math
from collections.abc import Mapping

# From a microsecond up; each bucket is 2 % wider than the one before it.
LEAST_S = 1e-6
GROWTH = 1.02
_BUCKETS_A_FOLD = 1 / math.log(GROWTH)


class Histogram:
    """Counts of times in buckets of equal ratio: a quantile is at most 2 % above the true one.

    Times of a microsecond and less count as one.
    """

    def __init__(self) -> None:
        self.count = 0
        self._counts: dict[int, int] = {}

    def add(self, time_s: float) -> None:
        """Take in a time of zero seconds or more."""
        bucket = 0
        if time_s > LEAST_S:
            bucket = math.ceil(math.log(time_s / LEAST_S) * _BUCKETS_A_FOLD)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1

    @property
    def counts(self) -> dict[int, int]:
        """What is in each bucket, to be added elsewhere."""
        return self._counts

    def add_counts(self, counts: Mapping[int, int]) -> None:
        """Take in what another one has counted."""
        for bucket, count in counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
            self.count += count

    def quantile_s(self, share: float) -> float | None:
        """The time that `share` of those seen stayed within (nearest rank, then the bucket's upper
        edge); None before the first."""
        if not self.count:
            return None
        rank = max(1, math.ceil(share * self.count))
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= rank:
                return LEAST_S * GROWTH**bucket
        raise AssertionError("the buckets add up to the count")
