"""The history of the concurrency in a session: a bounded number of samples of it."""

from typing import NamedTuple

POINTS_MAX = 240
FIRST_INTERVAL_S = 1.0


class ConcurrencySample(NamedTuple):
    """Slots at a moment on trio's clock, and the peak in flight until the next sample."""

    at_s: float
    limit: int
    in_flight: int


class ConcurrencyHistory:
    """Samples at least `interval_s` apart. When there are too many, two become one and the
    interval is doubled, so that a run of a minute and one of a month have as many."""

    def __init__(self) -> None:
        self.interval_s = FIRST_INTERVAL_S
        self.samples: list[ConcurrencySample] = []
        self._next_s = float("-inf")
        self._most = 0  # in flight since the last sample, or since `peak`
        self._before = 0  # in flight between `peak` and the last sample

    def note(self, at_s: float, limit: int, in_flight: int) -> None:
        """Take this moment in, as a part of the last sample where that is not long ago."""
        if at_s < self._next_s:
            if in_flight > self._most:
                self._most = in_flight
                if in_flight > self.samples[-1].in_flight:
                    self.samples[-1] = self.samples[-1]._replace(in_flight=in_flight)
            return
        self._before = max(self._before, self._most)
        self.samples.append(ConcurrencySample(at_s, limit, in_flight))
        if len(self.samples) > POINTS_MAX:
            pairs = zip(self.samples[::2], self.samples[1::2] + self.samples[-1:], strict=False)
            self.samples = [_merged(*pair) for pair in pairs]
            self.interval_s *= 2
        self._next_s = self.samples[-1].at_s + self.interval_s
        self._most = in_flight

    def end(self, at_s: float, limit: int) -> None:
        """Have a last sample of the slots, where they are others than at the last one."""
        if self.samples and self.samples[-1].limit != limit:
            self.samples.append(ConcurrencySample(at_s, limit, 0))

    def peak(self) -> int:
        """The peak in flight since this was last asked."""
        peak = max(self._before, self._most)
        self._before = self._most = 0
        return peak


def _merged(first: ConcurrencySample, second: ConcurrencySample) -> ConcurrencySample:
    if second.in_flight <= first.in_flight:
        return first
    return first._replace(in_flight=second.in_flight)
