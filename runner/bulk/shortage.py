"""When the money runs out, at the pace so far: said before it happens. Pure."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from headrace.jobs import Forecast

from ..money import Ceiling
from ..record import Totals

# Two samples that are less than this apart, or between which fewer jobs ended, make no pace.
PACE_FROM_S = 60.0
PACE_FROM_JOBS = 10
# A pace is that of the last ten minutes: limits, prices and lengths change along a file.
PACE_OVER_S = 600.0
FARTHEST_S = 10 * 365 * 86400.0


class Shortage(NamedTuple):
    """`ceiling` will be reached at about `at`, before the file is done and before its reset."""

    ceiling: Ceiling
    at: datetime


class _Sample(NamedTuple):
    at_s: float
    taken: Decimal
    finished: int


class SpendProjection:
    """Projects the spending so far onto the ceilings. `shortage` is what the last update found.

    What the file will still cost is the jobs that are left times what one has cost so far, and at
    least the forecast's least. Before there is a forecast nothing is foretold.
    """

    def __init__(self, totals: Totals) -> None:
        self.shortage: Shortage | None = None
        self._totals = totals
        self._forecast: Forecast | None = None
        self._taken_before = totals.spent + totals.kept
        self._finished_before = totals.succeeded + totals.failed
        self._samples: deque[_Sample] = deque()

    def expect(self, forecast: Forecast) -> None:
        """What the jobs without a result will take, as of the session's beginning."""
        self._forecast = forecast

    def update(self, ceilings: Sequence[Ceiling], now_s: float, now: datetime) -> Shortage | None:
        """Take a sample and project it; `now` is the same moment as `now_s`."""
        totals = self._totals
        finished = totals.succeeded + totals.failed - self._finished_before
        self._samples.append(_Sample(now_s, totals.spent + totals.kept, finished))
        while now_s - self._samples[0].at_s > PACE_OVER_S:
            self._samples.popleft()
        self.shortage = self._found(ceilings, now)
        return self.shortage

    def _found(self, ceilings: Sequence[Ceiling], now: datetime) -> Shortage | None:
        first, last = self._samples[0], self._samples[-1]
        span_s, paid = last.at_s - first.at_s, last.taken - first.taken
        if span_s < PACE_FROM_S or last.finished - first.finished < PACE_FROM_JOBS or paid <= 0:
            return None
        to_come = self._to_come(last)
        if to_come is None:
            return None
        shortages = []
        for ceiling in ceilings:
            left = max(ceiling.total - last.taken, Decimal(0))
            if left >= to_come:
                continue
            at = now + timedelta(seconds=min(float(left / paid) * span_s, FARTHEST_S))
            if ceiling.resets_at is None or at < ceiling.resets_at:
                shortages.append(Shortage(ceiling, at))
        return min(shortages, key=lambda each: each.at, default=None)

    def _to_come(self, last: _Sample) -> Decimal | None:
        """What the rest of the file will likely cost."""
        forecast = self._forecast
        if forecast is None or last.finished <= 0:
            return None
        paid = last.taken - self._taken_before
        at_this_rate = paid / last.finished * max(forecast.total.jobs - last.finished, 0)
        return max(at_this_rate, (forecast.total.cost_least or Decimal(0)) - paid)


def show_shortage(shortage: Shortage, now: datetime) -> str:
    """A shortage in words, its time to the minute: in the reset's time zone, else in ours."""
    resets_at = shortage.ceiling.resets_at
    zone = None if resets_at is None else resets_at.tzinfo
    at, today = shortage.at.astimezone(zone), now.astimezone(zone).date()
    day = "" if at.date() == today else f"{at:%Y-%m-%d} "
    return (
        f"{shortage.ceiling.whose} will be spent at about {day}{at:%H:%M} ({at.isoformat()[-6:]})"
    )


def announcement(shortage: Shortage, now: datetime) -> str:
    """What is said once."""
    words = f"At this pace {show_shortage(shortage, now)}, before the file is done"
    resets_at = shortage.ceiling.resets_at
    return f"{words}." if resets_at is None else f"{words}; it resets at {resets_at.isoformat()}."
