"""How late the gateway itself was: sent minus due, of every paced write."""

from bisect import bisect_left

# Upper bounds of the buckets, in seconds: from 0.1 ms, each 1.25 times the last, up to a minute.
_FIRST_S, _GROWTH, _STEPS = 0.0001, 1.25, 60


class Lateness:
    """A histogram of lateness; constant time per value, quantiles rounded up by at most 25 %."""

    def __init__(self) -> None:
        self._bounds_s = [_FIRST_S * _GROWTH**step for step in range(_STEPS)]
        self._counts = [0] * (_STEPS + 1)
        self.count = 0
        self.worst_s = 0.0

    def add(self, late_s: float) -> None:
        """Count one paced write."""
        self.count += 1
        self.worst_s = max(self.worst_s, late_s)
        if late_s <= _FIRST_S:
            self._counts[0] += 1
            return
        self._counts[bisect_left(self._bounds_s, late_s)] += 1

    def quantile_s(self, share: float) -> float:
        """The lateness that `share` of the writes did not exceed, in seconds; 0 without any."""
        wanted, seen = share * self.count, 0
        for bound_s, counted in zip(self._bounds_s, self._counts, strict=False):
            seen += counted
            if seen >= wanted:
                return min(bound_s, self.worst_s)
        return self.worst_s
