"""Load runs on tables: what `compare` finds of services that are alike, and of one that is slower.

Each run has an hour of its own, which moves all its times and how much fails; within it times are
skewed, and latency and TTFT go together. Requests are due at a constant rate, so what is answered
in the window hardly varies: often runs of a few are alike to the last request.
"""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from headrace.jobs import LoadFacts
from headrace.reports.comparison import Difference
from headrace.reports.comparison.compare import METRICS, SHARES
from headrace.reports.comparison.run_figures import (
    RunFigure,
    rate_figures,
    share_figures,
    value_figures,
)
from headrace.reports.comparison.several import compare_figures
from headrace.reports.load import Rates

JOBS = 150
# Of the window that these are due in.
WINDOW_S = 30.0
BEGAN = dt.datetime(2026, 6, 9, tzinfo=dt.UTC)
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
        yield from rate_figures(*rates_of(latency, tokens))
        for metric in METRICS:
            yield from value_figures(jobs, metric)


def rates_of(latency: np.ndarray, tokens: np.ndarray) -> tuple[Rates, LoadFacts]:
    """What of these answers ended in the window; as many came before it, and were as slow."""
    due_s = np.arange(JOBS) * WINDOW_S / JOBS
    ended = np.concatenate((due_s + latency, due_s - WINDOW_S + latency[::-1]))
    within = (ended >= 0) & (ended < WINDOW_S)
    facts = LoadFacts(
        shape="rate", asked="5/s", open_loop=True, prompts="", model="m", url="", stream=True,
        measure_from=BEGAN, measure_to=BEGAN + dt.timedelta(seconds=WINDOW_S),
    )  # fmt: skip
    requests, out = int(within.sum()), float(np.concatenate((tokens, tokens[::-1]))[within].sum())
    rates = Rates(
        due_per_s=JOBS / WINDOW_S, requests_per_s=requests / WINDOW_S, goodput_per_s=None,
        input_tokens_per_s=600 * requests / WINDOW_S, output_tokens_per_s=out / WINDOW_S,
        in_flight=0.0,
    )  # fmt: skip
    return rates, facts


def compared(a: Service, b: Service, runs: int) -> list[Difference]:
    """What a comparison of so many runs a side says of each figure."""
    return compare_figures([[a.run() for _ in range(runs)], [b.run() for _ in range(runs)]])
