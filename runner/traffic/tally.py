"""What a load run has come to so far, for those who look on: counts, rates, and quantiles."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

import msgspec

from headrace.jobs import CLIENT_CANCELLED, Attempt, JobEnd

from .histogram import Histogram

# Seconds that the sparklines show, and over which rates are taken.
SECONDS_SHOWN = 60
RATE_OVER_S = 5


class Second(msgspec.Struct):
    """What happened in one second of the run; times are of the answers that came in it."""

    number: int
    sent: int = 0
    ttft: Histogram = msgspec.field(default_factory=Histogram)
    latency: Histogram = msgspec.field(default_factory=Histogram)


class SecondNews(msgspec.Struct, frozen=True, array_like=True):
    """A second, on its way to another process."""

    number: int
    sent: int
    ttft: dict[int, int]
    latency: dict[int, int]


class TallyNews(msgspec.Struct, frozen=True, array_like=True):
    """A tally, on its way to another process: counts so far, and the last seconds that may have
    changed. `times` are the buckets of `TIMES`."""

    counts: list[int]
    errors: dict[str, int]
    times: list[dict[int, int]]
    seconds: list[SecondNews]


COUNTS = (
    *("sent", "in_flight", "in_flight_max", "answered", "measured", "failed_jobs"),
    "output_tokens",
)
TIMES = ("wait", "ttft", "latency", "client_lag", "gap")
SECONDS_TOLD = 3


class Quantiles(msgspec.Struct):
    """Of one time, in the measured attempts."""

    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class Tally:
    """Told of every attempt as it is recorded. Errors are those of all phases, times of the
    measured one. Moments are seconds on trio's clock, from `start_s` on."""

    def __init__(self, start_s: float) -> None:
        self.sent = 0
        self.in_flight = 0
        self.in_flight_max = 0
        self.answered = 0
        self.measured = 0
        self.failed_jobs = 0
        self.output_tokens = 0
        self.errors: Counter[str] = Counter()
        self.wait = Histogram()
        self.ttft = Histogram()
        self.latency = Histogram()
        self.client_lag = Histogram()
        self.gap = Histogram()
        self._start_s = start_s
        self._seconds: deque[Second] = deque(maxlen=SECONDS_SHOWN)

    def request_left(self, now_s: float) -> None:
        """A request's first byte is about to leave."""
        self.sent += 1
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        self._second(now_s).sent += 1

    def attempt_ended(self, row: Attempt, job: JobEnd | None, now_s: float) -> None:
        """An attempt ended, and perhaps its job."""
        second = self._second(now_s)
        if row.sent_at is not None:
            self.in_flight -= 1
        if row.error_code == CLIENT_CANCELLED:
            pass  # as it was asked to be
        elif row.error_kind is not None:
            self.errors[_named(row)] += 1
        else:
            self.answered += 1
            self.output_tokens += row.output_tokens or 0
            if row.latency_s is not None:
                second.latency.add(row.latency_s)
            if row.ttft_s is not None:
                second.ttft.add(row.ttft_s)
        if job is not None and job.status == "failed":
            self.failed_jobs += 1
        if row.phase == "measure":
            self._measure(row)

    def _measure(self, row: Attempt) -> None:
        self.measured += 1
        times = (
            (self.wait, row.wait_s),
            (self.ttft, row.ttft_s),
            (self.latency, row.latency_s),
            (self.client_lag, row.client_lag_s),
        )
        for histogram, time_s in times:
            if time_s is not None:
                histogram.add(max(0.0, time_s))
        if row.gaps_s:  # the median of each answer will do: there can be thousands of gaps
            self.gap.add(sorted(row.gaps_s)[len(row.gaps_s) // 2])

    def rate_per_s(self, now_s: float) -> float:
        """Requests sent per second, over the last whole seconds."""
        number = int(now_s - self._start_s)
        whole = [s for s in self._seconds if number - RATE_OVER_S <= s.number < number]
        return sum(second.sent for second in whole) / min(RATE_OVER_S, max(1, number))

    def course(self, name: str, now_s: float) -> list[float | None]:
        """The median `ttft` or `latency` of each of the last seconds; None where nothing came."""
        number = int(now_s - self._start_s)
        found = {second.number: second for second in self._seconds}
        return [
            _rounded(getattr(found[n], name).quantile_s(0.5)) if n in found else None
            for n in range(max(0, number - SECONDS_SHOWN), number)
        ]

    def news(self, now_s: float) -> TallyNews:
        """For another process, which counts its seconds from the same moment."""
        since = int(now_s - self._start_s) - SECONDS_TOLD
        return TallyNews(
            counts=[getattr(self, name) for name in COUNTS],
            errors=dict(self.errors),
            times=[getattr(self, name).counts for name in TIMES],
            seconds=[
                SecondNews(each.number, each.sent, each.ttft.counts, each.latency.counts)
                for each in self._seconds
                if each.number >= since
            ],
        )

    def become(self, told: Iterable[tuple[TallyNews, Mapping[int, SecondNews]]]) -> None:
        """Be the sum of what others told: of each the latest, and its seconds by their numbers."""
        fresh = Tally(self._start_s)
        seconds: dict[int, Second] = {}
        for news, of_it in told:
            for name, count in zip(COUNTS, news.counts, strict=True):
                setattr(fresh, name, getattr(fresh, name) + count)
            fresh.errors.update(news.errors)
            for name, buckets in zip(TIMES, news.times, strict=True):
                getattr(fresh, name).add_counts(buckets)
            for number, each in of_it.items():
                second = seconds.setdefault(number, Second(number))
                second.sent += each.sent
                second.ttft.add_counts(each.ttft)
                second.latency.add_counts(each.latency)
        fresh._seconds.extend(second for _, second in sorted(seconds.items()))
        self.__dict__.update(fresh.__dict__)

    def _second(self, now_s: float) -> Second:
        number = int(now_s - self._start_s)
        if not self._seconds or self._seconds[-1].number < number:
            self._seconds.append(Second(number))
        return self._seconds[-1]


def quantiles(histogram: Histogram) -> Quantiles:
    """What is shown of a time."""
    return Quantiles(*(histogram.quantile_s(share) for share in (0.5, 0.95, 0.99)))


def _rounded(time_s: float | None) -> float | None:
    """To the microsecond: a snapshot is to fit into one write to a pipe."""
    return None if time_s is None else round(time_s, 6)


def _named(row: Attempt) -> str:
    """An error in few words: the status, or the kind of failure."""
    return f"HTTP {row.http_status}" if row.error_kind == "http" else str(row.error_kind)
