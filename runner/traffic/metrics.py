"""What a load run shows to Prometheus."""

from collections.abc import Callable, Iterator

import trio

from ..metrics import Figure, Pace, common_figures, gauge
from .view import LoadProgress


def load_figures(progress: LoadProgress) -> Callable[[], Iterator[Figure]]:
    """What works out the figures of this run, at each call."""
    totals, tally = progress.totals, progress.tally
    pace = Pace(trio.current_time(), totals.spent + totals.kept)

    def figures() -> Iterator[Figure]:
        for figure in common_figures(
            totals, progress.lanes, progress.concurrency, progress.budget, pace
        ):
            # Of several processes the lanes are theirs: what left is counted apart, and tokens of
            # both kinds are not known here.
            if figure.name == "requests_sent":
                yield Figure("requests_sent", "counter", figure.text, [({"model": ""}, tally.sent)])
            elif figure.name != "tokens" or any(value for _, value in figure.values):
                yield figure
        schedule, now_s = progress.schedule, trio.current_time()
        waiting = max(0, schedule.out - progress.concurrency.in_flight)
        yield gauge("jobs_waiting", "Requests that are due and wait to leave.", waiting)
        behind_s = max(0.0, now_s - schedule.demand.next_s(now_s))
        yield gauge("behind_seconds", "How long the next request has been due.", behind_s)
        yield Figure("output_tokens", "counter", "Tokens out.", [({}, tally.output_tokens)])
        yield Figure(
            "errors",
            "counter",
            "Failed attempts, by what went wrong.",
            [({"kind": kind}, count) for kind, count in sorted(tally.errors.items())],
        )

    return figures
