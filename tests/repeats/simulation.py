"""Load runs on tables: what `compare` finds of services that are alike, and of one that is slower.

Each run has an hour of its own, which moves all its times and how much fails; within it times are
skewed, and latency and TTFT go together.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from headrace.reports.comparison import Difference
from headrace.reports.comparison.compare import METRICS, SHARES
from headrace.reports.comparison.run_figures import RunFigure, share_figures, value_figures
from headrace.reports.comparison.several import compare_figures

JOBS = 150
FAILED = 0.02
# How much hours differ: standard deviations of the logarithm.
HOURS = 0.1
WITHIN = 0.5


class Service(NamedTuple):
    """What is simulated: a service whose times are `slower` times as long."""

    rng: np.random.Generator
    slower: float = 1.0
    hours: float = HOURS

    def run(self) -> list[RunFigure]:
        """The figures of one run."""
        return list(self._figures())

    def _figures(self) -> Iterator[RunFigure]:
        rng = self.rng
        hour = np.exp(rng.normal(0, self.hours)) * self.slower
        common = rng.normal(0, WITHIN, JOBS)
        latency = np.exp(common + rng.normal(0, 0.2, JOBS)) * hour
        ttft = 0.3 * np.exp(common + rng.normal(0, 0.2, JOBS)) * hour
        tokens = rng.integers(50, 150, JOBS).astype(float)
        jobs = pl.DataFrame(
            {
                "failed": rng.random(JOBS) < FAILED * hour,
                "latency_s": latency,
                "ttft_s": ttft,
                "tpot_s": latency / tokens,
                "total_s": latency,
                "input_tokens": np.full(JOBS, 600.0),
                "output_tokens": tokens,
                "attempts": np.full(JOBS, 1.0),
            }
        )
        yield from share_figures(jobs, SHARES[0])
        for metric in METRICS:
            yield from value_figures(jobs, metric)


def compared(a: Service, b: Service, runs: int) -> list[Difference]:
    """What a comparison of so many runs a side says of each figure."""
    return compare_figures([[a.run() for _ in range(runs)], [b.run() for _ in range(runs)]])
