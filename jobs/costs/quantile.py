"""A running upper quantile in constant time and space."""

import math

# Buckets an eighth of a doubling wide (9 %), from 2**-10 to 2**24.
STEPS = 8
LOWEST_EXPONENT = -10
BUCKETS = (24 - LOWEST_EXPONENT) * STEPS
# After so many values all weights are halved, so that recent values count more.
HALVED_AFTER = 512


class UpperQuantile:
    """The value that a `share` of the weight does not exceed, recent values counting more.

    Weights are in buckets of equal ratio. `value` is the upper edge of a bucket, but never below
    the weighted mean, which a few very large values can lift above the quantile; it is 0 before the
    first value. `count` is how many values there were.
    """

    def __init__(self, share: float) -> None:
        self._above_share = 1.0 - share
        self._weights = [0.0] * BUCKETS
        self._total = 0.0
        self._sum = 0.0
        self._since_halving = 0
        # The bucket of the quantile, and the weight above it: each value moves it by little.
        self._at = 0
        self._above = 0.0
        self.value = 0.0
        self.count = 0

    def add(self, value: float, weight: float = 1.0) -> None:
        """Add a value of 0 or more, with a weight above 0."""
        weights, bucket = self._weights, _bucket(value)
        weights[bucket] += weight
        if bucket > self._at:
            self._above += weight
        self._total += weight
        self._sum += value * weight
        self.count += 1
        self._since_halving += 1
        if self._since_halving == HALVED_AFTER:
            self._since_halving = 0
            weights = self._weights = [each / 2 for each in weights]
            self._total /= 2
            self._sum /= 2
            self._above = sum(weights[self._at + 1 :])  # without accumulated rounding errors
        allowed = self._total * self._above_share
        while self._above > allowed and self._at < BUCKETS - 1:
            self._at += 1
            self._above -= weights[self._at]
        while self._above + weights[self._at] <= allowed and self._at > 0:
            self._above += weights[self._at]
            self._at -= 1
        mean, edge = self._sum / self._total, _UPPER_EDGES[self._at]
        self.value = edge if edge > mean else mean  # faster than max(), once per answer


def _bucket(value: float) -> int:
    if value <= 0:
        return 0
    steps = math.ceil(math.log2(value) * STEPS) - LOWEST_EXPONENT * STEPS
    if steps < 0:
        return 0
    return steps if steps < BUCKETS else BUCKETS - 1


_UPPER_EDGES = [math.exp2(bucket / STEPS + LOWEST_EXPONENT) for bucket in range(BUCKETS)]
