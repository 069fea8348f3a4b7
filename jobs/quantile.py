"""A running upper quantile in constant time and space."""

import math

# Buckets an eighth of a doubling wide (9 %), from 2**-10 to 2**24.
STEPS = 8
LOWEST_EXPONENT = -10
BUCKETS = (24 - LOWEST_EXPONENT) * STEPS
# After so many values all weights are halved, so that the past fades.
HALVED_AFTER = 512


class UpperQuantile:
    """What at most a small share of the weight seen lies above, recent values counting more.

    Weights in buckets of equal ratio; the answer is the upper edge of a bucket, and never below the
    weighted mean, which a few very large values can carry beyond the quantile.
    """

    def __init__(self, share: float) -> None:
        self._above_share = 1.0 - share
        self._weights = [0.0] * BUCKETS
        self._total = 0.0
        self._sum = 0.0
        self._since_halving = 0
        self._value: float | None = None
        self.count = 0

    def add(self, value: float, weight: float = 1.0) -> None:
        """Take in a value of zero or more."""
        self._weights[_bucket(value)] += weight
        self._total += weight
        self._sum += value * weight
        self.count += 1
        self._value = None
        self._since_halving += 1
        if self._since_halving == HALVED_AFTER:
            self._since_halving = 0
            self._weights = [each / 2 for each in self._weights]
            self._total /= 2
            self._sum /= 2

    @property
    def value(self) -> float:
        """The quantile; 0 before the first value."""
        if self._value is None:
            self._value = self._found()
        return self._value

    def _found(self) -> float:
        if not self._total:
            return 0.0
        allowed = self._total * self._above_share
        above = 0.0
        for bucket in range(BUCKETS - 1, -1, -1):
            above += self._weights[bucket]
            if above > allowed:
                return max(_upper_edge(bucket), self._sum / self._total)
        return self._sum / self._total


def _bucket(value: float) -> int:
    if value <= 0:
        return 0
    steps = math.ceil(math.log2(value) * STEPS) - LOWEST_EXPONENT * STEPS
    return min(max(steps, 0), BUCKETS - 1)


def _upper_edge(bucket: int) -> float:
    return math.exp2(bucket / STEPS + LOWEST_EXPONENT)
