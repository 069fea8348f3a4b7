"""One look at a load run that is running: everything that a display shows, as data and in words."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from headrace.jobs import counted, show_duration, show_seconds

from .tally import Quantiles

# What is later than this waits for a slot or a limit, and not for its turn.
BEHIND_SHOWN_S = 0.1

Stage = Literal["warming up", "measuring", "draining", "stopping"]


class Snapshot(msgspec.Struct, kw_only=True):
    """Counts since the start, rates over the last seconds, quantiles over what was measured so far.

    `passed_s` counts from the beginning of the stage, which lasts `whole_s` (None: nobody knows);
    `requests` is the number of measured requests that ends the run. `rate_asked_per_s` is None
    where the shape has no rate. `behind_s` is how long the next request has been due. `course` are
    medians of the last seconds. `doubts` are reasons why the measurement is not valid.
    """

    stage: Stage
    asked: str
    passed_s: float
    whole_s: float | None
    measured: int
    requests: int | None
    rate_asked_per_s: float | None
    rate_sent_per_s: float
    sent: int
    in_flight: int
    behind_s: float
    ttft: Quantiles
    latency: Quantiles
    ttft_course: list[float | None]
    latency_course: list[float | None]
    errors: list[tuple[str, int]]
    cost: str | None
    doubts: list[str]

    @property
    def share(self) -> float | None:
        """How much of the stage is over, from 0 to 1; None where nobody knows."""
        if self.requests is not None and self.stage == "measuring":
            return min(1.0, self.measured / self.requests)
        return min(1.0, self.passed_s / self.whole_s) if self.whole_s else None

    @property
    def progress(self) -> str:
        """The stage, and how far it is."""
        if self.requests is not None and self.stage == "measuring":
            return f"measuring, {self.measured:,} of {counted(self.requests, 'request')}"
        whole = f" of {show_duration(self.whole_s)}" if self.whole_s else ""
        return f"{self.stage}, {show_duration(self.passed_s)}{whole}"

    @property
    def rates(self) -> str:
        """What was asked for beside what left."""
        sent = f"{self.rate_sent_per_s:,.1f}/s sent"
        if self.rate_asked_per_s is None:
            return sent
        return f"{self.rate_asked_per_s:,.1f}/s asked, {sent}"

    @property
    def trouble(self) -> str:
        """Errors by kind, the most frequent first."""
        if not self.errors:
            return "no errors"
        return ", ".join(f"{count:,} {name}" for name, count in self.errors)

    @property
    def verdict(self) -> str:
        """Whether the measurement is valid so far, and why not."""
        return (
            "perhaps client-limited: " + "; ".join(self.doubts) if self.doubts else "valid so far"
        )


def in_words(snapshot: Snapshot) -> str:
    """A line for where there is no terminal."""
    parts = [snapshot.progress, snapshot.rates, f"{snapshot.in_flight:,} in flight"]
    if snapshot.behind_s > BEHIND_SHOWN_S:
        parts.append(f"{in_time(snapshot.behind_s)} behind")
    for name, times in (("TTFT", snapshot.ttft), ("latency", snapshot.latency)):
        if times.p50_s is not None:
            parts.append(f"{name} {in_time(times.p50_s)} (p95 {in_time(times.p95_s)})")
    parts.append(snapshot.trouble)
    if snapshot.cost is not None:
        parts.append(snapshot.cost)
    parts.append(snapshot.verdict)
    return ", ".join(parts)


def in_time(seconds: float | None) -> str:
    """A time for people; a dash for None."""
    return "-" if seconds is None else show_seconds(seconds)


BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """A bar for each value, from 0 to the largest; a space for None."""
    most = max((value for value in values if value is not None), default=0.0)
    if not most:
        return "".join(" " if value is None else BARS[0] for value in values)
    return "".join(
        " " if value is None else BARS[min(len(BARS) - 1, int(value / most * len(BARS)))]
        for value in values
    )
