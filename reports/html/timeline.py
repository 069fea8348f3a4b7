"""The run's time at work: its sessions end to end, without the pauses between them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from ..run import Run

SECOND = timedelta(seconds=1)
# Steps that a reader can count in, from a tenth of a second to a day.
WIDTHS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600)
DAY_S = 86_400.0
BINS_MAX = 80
SHORT_S = 8.0


class Timeline(NamedTuple):
    """Where each session begins in the time at work (`begins_s`), and how long that is in all.

    `width_s` is that of the bins which charts over time count in: a round figure, at most
    `BINS_MAX` of them.
    """

    starts: Sequence[datetime]
    begins_s: Sequence[float]
    span_s: float
    width_s: float

    def at_s(self, moment: pl.Expr) -> pl.Expr:
        """Seconds at work of a moment; one before the first session counts as its beginning."""
        found = pl.lit(0.0)
        for start, begin_s in zip(self.starts, self.begins_s, strict=True):
            since_s = (moment - start).dt.total_microseconds() / 1e6
            found = pl.when(since_s >= 0).then(since_s + begin_s).otherwise(found)
        return found

    def seconds(self, moment: datetime) -> float:
        """`at_s` of one moment."""
        at_s = 0.0
        for start, begin_s in zip(self.starts, self.begins_s, strict=True):
            if moment >= start:
                at_s = (moment - start) / SECOND + begin_s
        return at_s

    def bin_s(self, at_s: pl.Expr) -> pl.Expr:
        """The beginning of the bin that a moment lies in."""
        return (at_s / self.width_s).floor() * self.width_s


def timeline_of(run: Run) -> Timeline:
    """Lay the run's sessions end to end. One that was killed lasted to its last attempt's end."""
    ended = run.attempts.select(ended_at().alias("end")).drop_nulls()
    starts = [session.started_at for session in run.manifest.sessions]
    begins_s, span_s = [], 0.0
    for session, following in zip(
        run.manifest.sessions,
        [*starts[1:], datetime.max.replace(tzinfo=starts[0].tzinfo)],
        strict=True,
    ):
        begins_s.append(span_s)
        end = session.ended_at
        if end is None:
            last = ended.filter(pl.col("end") < following).select(pl.col("end").max()).collect()
            end = last["end"][0]
        if end is not None:
            span_s += max(0.0, (end - session.started_at) / SECOND)
    return Timeline(starts, begins_s, span_s, _width_s(span_s))


def ended_at() -> pl.Expr:
    """When an attempt's answer ended, or began where its end is not known; null if neither is."""
    took_s = pl.coalesce("latency_s", "first_byte_s")
    return pl.col("sent_at") + (took_s * 1e6).round().cast(pl.Duration("us"))


def _width_s(span_s: float) -> float:
    for width_s in WIDTHS_S:
        # A rate over less than a second says little, unless that is all there was.
        if span_s / width_s <= BINS_MAX and (width_s >= 1 or span_s < SHORT_S):
            return width_s
    days = 1
    while span_s / (days * DAY_S) > BINS_MAX:
        days += 1
    return days * DAY_S
