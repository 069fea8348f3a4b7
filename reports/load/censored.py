"""Percentiles of times of which some are infinite and of some only a lower bound is known.

Kaplan-Meier: E. Kaplan, P. Meier, "Nonparametric estimation from incomplete observations", Journal
of the American Statistical Association 53(282), 1958. What was cut off is censored at what it had
waited, and at the time of an end it still counts as at risk. A failure is a time that never ends:
it stays at risk for as long as the run would have waited for it. (For ever, where others are cut
off, would weigh failures above answers: a competing event stays in the risk set until its own time
of censoring; J. Fine, R. Gray, "A proportional hazards model for the subdistribution of a competing
risk", Journal of the American Statistical Association 94(446), 1999, section 3.1.)

Intervals: R. Brookmeyer, J. Crowley, "A confidence interval for the median survival time",
Biometrics 38(1), 1982: a time lies within where the band of the survival function there holds the
share. The band is M. Greenwood's variance (1926) on the scale of log(-log S), which keeps to what
it promises where the plain one does not (J. Kalbfleisch, R. Prentice, "The Statistical Analysis of
Failure Time Data", 2nd edition, Wiley 2002, section 1.4).

Without anything censored the percentile is definition 7 of Hyndman and Fan, as `percentiles` has
it: a time at which the function falls by so much counts like so many equal values.
"""

from typing import NamedTuple

import numpy as np

from .intervals import TWO_SIDED, Floats

# What adding up shares may have cost in digits.
ROUNDING = 1e-12


class Incomplete(NamedTuple):
    """Times in seconds: those that are `known`; for each failure how long it could have been waited
    for, infinity where nothing would have cut it off; and what was cut off after it had `waited`.
    """

    known: Floats
    failed: Floats
    waited: Floats

    @property
    def total(self) -> int:
        return len(self.known) + len(self.failed) + len(self.waited)


class Quantile(NamedTuple):
    """One percentile: its `value`; or, where too much was cut off to tell, what it is `at_least`;
    or neither, where so many failed that it is infinite. `low` and `high` bound it; None is open.
    """

    value: float | None
    at_least: float | None
    low: float | None
    high: float | None


class Survival:
    """The Kaplan-Meier estimate of some times, and the percentiles that it has."""

    def __init__(self, times: Incomplete) -> None:
        self._count = times.total
        finite, counts = np.unique(times.known, return_counts=True)
        unended = np.concatenate((times.failed, times.waited))
        ended = np.concatenate(([0], np.cumsum(counts)[:-1]))
        gone = np.searchsorted(np.sort(unended), finite, side="left")
        at_risk = self._count - ended - gone
        self._times = finite
        self._surviving = np.cumprod(1 - counts / at_risk)
        whole = counts < at_risk  # after the last of all, nothing is left to have a variance
        steps = counts[whole] / (at_risk[whole] * (at_risk[whole] - counts[whole]))
        self._variance = np.cumsum(steps)
        self._bounds = np.sort(np.concatenate((times.known, times.waited)))

    def quantile(self, share: float) -> Quantile:
        """The time below which this share of all lies, with its 95 % interval."""
        low, high = self._interval(share)
        value = self._value(share)
        if value is None:
            return Quantile(None, self._at_least(share), low, high)
        # Both are steps, and a percentile between two values may lie before the step.
        return Quantile(
            value,
            None,
            None if low is None else min(low, value),
            None if high is None else max(high, value),
        )

    def _value(self, share: float) -> float | None:
        """None where the function does not fall so far."""
        if not len(self._times):
            return None
        if self._count == 1:
            return float(self._times[0])
        # On the scale on which the values of a whole sample lie evenly from 0 to 1.
        size = self._count - 1
        fallen = 1 - self._surviving
        begins = self._count * np.concatenate(([0.0], fallen[:-1])) / size
        ends = (self._count * fallen - 1) / size
        place = int(np.searchsorted(ends, share - ROUNDING))
        if place == len(ends):
            return None
        if place == 0 or begins[place] <= share:
            return float(self._times[place])
        between = (ends[place - 1], begins[place])
        return float(np.interp(share, between, self._times[place - 1 : place + 1]))

    def _at_least(self, share: float) -> float | None:
        """The percentile if all that was cut off had come just then; None if it is infinite."""
        place = share * (self._count - 1)
        last = len(self._bounds) - 1
        if place > last + ROUNDING:
            return None
        return float(np.interp(place, np.arange(last + 1), self._bounds))

    def _interval(self, share: float) -> tuple[float | None, float | None]:
        surviving = self._surviving[: len(self._variance)]
        width = TWO_SIDED * np.sqrt(self._variance) / -np.log(surviving)
        ends = []
        for band in (surviving ** np.exp(width), surviving ** np.exp(-width)):
            below = np.flatnonzero(band <= 1 - share)
            ends.append(float(self._times[below[0]]) if len(below) else None)
        return ends[0], ends[1]
