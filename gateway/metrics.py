"""What the server has done, as the text that Prometheus reads: names after those of vLLM.

Written by hand: it is counts and two histograms, and a stand-in needs no library for them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from .log import LogRow

METRICS_PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "headrace_gateway_"
# Upper bounds of the buckets, in seconds.
TTFT_BOUNDS_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
LATENCY_BOUNDS_S = (0.01, 0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0)


class Buckets:
    """A histogram of times."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self._bounds_s = bounds_s
        self._counts = [0] * (len(bounds_s) + 1)
        self._sum_s = 0.0

    def add(self, time_s: float) -> None:
        """Count one time."""
        self._counts[bisect_left(self._bounds_s, time_s)] += 1
        self._sum_s += time_s

    def lines(self, name: str) -> Iterator[str]:
        """As text: how many took at most so long, for each bound."""
        count = 0
        for bound_s, counted in zip((*self._bounds_s, None), self._counts, strict=True):
            count += counted
            bound = "+Inf" if bound_s is None else f"{bound_s}"
            yield f'{name}_bucket{{le="{bound}"}} {count}'
        yield f"{name}_sum {self._sum_s!r}"
        yield f"{name}_count {count}"


class ServerMetrics:
    """`under_way` are requests that were let in and have no whole answer yet."""

    def __init__(self) -> None:
        self.under_way = 0
        self._requests = Counter[str]()
        self._prompt_tokens = 0
        self._generation_tokens = 0
        self._ttft = Buckets(TTFT_BOUNDS_S)
        self._latency = Buckets(LATENCY_BOUNDS_S)

    def ended(self, row: LogRow) -> None:
        """A request has its answer, or none: what is not a job of a model counts for nothing."""
        if row.model is None:
            return
        self._requests["none" if row.status is None else str(row.status)] += 1
        self._prompt_tokens += row.input_tokens
        self._generation_tokens += row.output_tokens
        if row.first_token_s is not None:
            self._ttft.add(row.first_token_s - row.arrival_s)
        if row.end_s is not None:
            self._latency.add(row.end_s - row.arrival_s)

    def page(self, *, waiting: int) -> bytes:
        """All of it; `waiting` of the requests that are under way queue for a place."""
        lines: list[str] = []
        for name, kind, text, values in (
            (
                "num_requests_running",
                "gauge",
                "Answers under way.",
                [f" {self.under_way - waiting}"],
            ),
            ("num_requests_waiting", "gauge", "Requests that queue.", [f" {waiting}"]),
            ("prompt_tokens_total", "counter", "Tokens in.", [f" {self._prompt_tokens}"]),
            ("generation_tokens_total", "counter", "Tokens out.", [f" {self._generation_tokens}"]),
            (
                "requests_total",
                "counter",
                "Requests by status; none is a broken connection.",
                [f'{{status="{key}"}} {count}' for key, count in sorted(self._requests.items())],
            ),
        ):
            lines += [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]
            lines += [f"{PREFIX}{name}{value}" for value in values]
        for name, text, buckets in (
            ("time_to_first_token_seconds", "To a stream's first token.", self._ttft),
            ("e2e_request_latency_seconds", "To the end of an answer.", self._latency),
        ):
            lines += [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} histogram"]
            lines += buckets.lines(PREFIX + name)
        return ("\n".join(lines) + "\n").encode()
