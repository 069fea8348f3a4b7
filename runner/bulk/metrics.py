"""What a bulk run shows to Prometheus."""

from collections.abc import Callable, Iterator

from ..metrics import Figure, Pace, common_figures, gauge
from .progress import Progress


def run_figures(progress: Progress) -> Callable[[], Iterator[Figure]]:
    """What works out the figures of this session, at each call."""
    totals = progress.totals
    pace = Pace(progress.clock.now(), totals.spent + totals.kept)

    def figures() -> Iterator[Figure]:
        yield from common_figures(
            totals, progress.lanes, progress.concurrency, progress.budget, pace
        )
        waiting = max(0, progress.unfinished() - progress.concurrency.in_flight)
        yield gauge("jobs_waiting", "Jobs that were read and wait for their turn.", waiting)
        expected = progress.ahead().expected_items
        if expected is not None:
            yield gauge("jobs_expected", "Lines that the file has, as far as is known.", expected)

    return figures
