"""One run as a list of figures, each a single number: what runs are compared by where each side has
several, and what is spread over repeats.

How far chance within a run moves a figure stands beside it, as a standard error: of means from
their variance, of percentiles and shares from their 95 % interval. Rates have none, but are of
whole requests.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from headrace.jobs import LoadFacts

from ..figures import measured_results
from ..load import Rates, load_rates, one_request, order_ranks
from ..run import Run, reading_tables
from ..scores import AS_EXPECTED, matches, score_figures
from ..uncertainty import wilson
from .compare import COST, METRICS, PERCENTILES, SHARES, Metric
from .interval import LEVEL, Values, Z, statistics
from .pairing import jobs_of
from .scores import score_title

RATES = (
    ("requests_per_s", "requests per second"),
    ("output_tokens_per_s", "output tokens per second"),
    ("goodput_per_s", "goodput per second"),
)


class RunFigure(NamedTuple):
    """A figure of one run over so many of its `jobs` (0: of a rate). `within` is its standard error
    by what varies inside the run, None where that is not known; `least` is what it is at least."""

    metric: str
    statistic: str
    unit: str
    value: float
    within: float | None
    jobs: int
    least: float = 0.0

    @property
    def name(self) -> tuple[str, str]:
        return self.metric, self.statistic


def run_figures(run: Run) -> list[RunFigure]:
    """All figures of a run. A percentile is left out where no value lies beyond it.

    Raises InputError where a table can't be read.
    """
    with reading_tables(run.directory):
        return list(_figures(run))


def _figures(run: Run) -> Iterator[RunFigure]:
    jobs = jobs_of(run)
    yield from share_figures(jobs, SHARES[0])
    yield from _as_expected(run)
    for score in score_figures(run):
        if score.mean is not None:
            within = _error(score.low, score.high)
            kind = ("share", "share") if score.share else ("mean", "")
            yield RunFigure(score_title(score.name), *kind, score.mean, within, score.scored)
    if any(jobs["cut"].drop_nulls()):
        yield from share_figures(jobs, SHARES[1])
    if run.manifest.load is not None:
        rates = load_rates(run, run.manifest.load)
        if rates is not None:
            yield from rate_figures(rates, run.manifest.load)
    currency = run.manifest.currency
    money = () if currency is None else (Metric("cost", COST, currency, times=1000.0),)
    for metric in (*money, *METRICS):
        yield from value_figures(jobs, metric)


def rate_figures(rates: Rates, facts: LoadFacts) -> Iterator[RunFigure]:
    """The rates of a load run."""
    least = one_request(rates, facts)
    for field, name in RATES:
        value = getattr(rates, field)
        if value is not None:
            yield RunFigure(name, "mean", "", value, None, 0, least.get(field, 0.0))


def share_figures(jobs: pl.DataFrame, metric: Metric) -> Iterator[RunFigure]:
    """The share of a column of a run's jobs that is true; nothing where none has a value."""
    known = jobs[metric.column].drop_nulls()
    if len(known):
        yield _share_of(metric.name, int(known.sum()), len(known))


def _as_expected(run: Run) -> Iterator[RunFigure]:
    right = matches(run, measured_results(run)).collect()["score"]
    if len(right):
        yield _share_of(score_title(AS_EXPECTED), int(right.sum()), len(right))


def _share_of(name: str, count: int, total: int) -> RunFigure:
    share = count / total
    within = _error(*wilson(share, total, LEVEL))
    return RunFigure(name, "share", "share", share, within, total)


def value_figures(jobs: pl.DataFrame, metric: Metric) -> Iterator[RunFigure]:
    """The mean and the percentiles of a column of a run's jobs; nothing where none has a value."""
    values = np.sort(jobs[metric.column].drop_nulls().to_numpy() * metric.times)
    count = len(values)
    if not count:
        return
    shares = [PERCENTILES[name] for name in metric.percentiles]
    mean, *quantiles = statistics(values, shares)
    error = float(values.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    yield RunFigure(metric.name, "mean", metric.unit, float(mean), error, count)
    for name, share, value in zip(metric.percentiles, shares, quantiles, strict=True):
        if count * min(share, 1 - share) >= 1 - 1e-9:
            within = _percentile_error(values, share)
            yield RunFigure(metric.name, name, metric.unit, float(value), within, count)


def _percentile_error(values: Values, share: float) -> float | None:
    """From the interval by order statistics; None where an end of it is open."""
    low, high = order_ranks(len(values), share)
    return None if low is None or high is None else _error(values[low], values[high])


def _error(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else float(high - low) / (2 * Z)
