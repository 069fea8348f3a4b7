"""Several load runs of the same kind judged as one: each run is one observation of each figure.

A figure is the mean of the runs' figures, with Student's t interval over runs: what lies between
runs is in it. Where chance within the runs explains more than they happen to differ by, that counts
(`reports.uncertainty.welch`).
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from headrace.jobs import Aggregate, Expression, Name, Node, format_expression

from ..load import one_request
from ..uncertainty import Clustered, Ends, Estimate, Side, t_quantile
from .estimates import SHARES, RunEstimates
from .figure_names import Value
from .several_figures import SeveralFigures, mean_value

# Of the intervals within a run, to make standard errors of them.
LEVEL = 0.95


class MeanFigures(SeveralFigures):
    """Of each figure the mean of the runs', of which anything else is made."""

    def figure(self, expression: Expression, node: Name | Aggregate) -> Value:
        """One figure. Raises UnknownError where a run doesn't know it."""
        return mean_value([each.figure(expression, node) for each in self._runs])


class RepeatedEstimates(RunEstimates):
    """Estimates over several runs, of which there are at least two."""

    def __init__(self, runs: Sequence[RunEstimates]) -> None:
        newest = runs[-1]
        self.run = newest.run
        self.summary = newest.summary
        self.figures = MeanFigures([each.figures for each in runs])
        self._runs = runs
        self._found: dict[str, Estimate | None] = {}

    def of(self, expression: Expression, node: Node) -> Estimate | None:
        """The estimate that a figure is; None of what is made of several, and of text.

        Raises UnknownError where a run doesn't know it.
        """
        if not isinstance(node, Name | Aggregate):
            return None
        key = format_expression(node)
        if key not in self._found:
            self._found[key] = self._over_runs(expression, node)
        return self._found[key]

    def _over_runs(self, expression: Expression, node: Name | Aggregate) -> Estimate | None:
        values = [each.figures.figure(expression, node) for each in self._runs]
        if any(isinstance(each, str | bool) for each in values):
            return None
        within = [each.of(expression, node) for each in self._runs]
        errors = [
            _rate_step(run, node) if each is None else _error(each)
            for run, each in zip(self._runs, within, strict=True)
        ]
        least = math.sqrt(math.fsum(each**2 for each in errors) / len(errors))
        share = isinstance(node, Name) and node.name in SHARES
        return runs_estimate(Side([float(each) for each in values], least), share=share)


def runs_estimate(side: Side, *, share: bool = False) -> Estimate:
    """The mean over at least two runs, as an estimate whose clusters are the runs; that of a share
    lies between 0 and 1."""
    values = np.array(side.values, dtype=np.float64)
    count = len(values)
    error = math.sqrt(side.variance / count)

    def ends(level: float, growth: float) -> Ends:
        reach = error / math.sqrt(growth) * t_quantile(0.5 + level / 2, count * growth - 1)
        low, high = side.mean - reach, side.mean + reach
        return Ends(max(0.0, low), min(1.0, high)) if share else Ends(low, high)

    keys = pl.Series("run", range(count))
    return Estimate(
        value=side.mean,
        clusters=count,
        clustered=Clustered(values, np.arange(count, dtype=np.int64), keys),
        residuals=values - side.mean,
        binary=False,
        ends=ends,
    )


def _error(estimate: Estimate) -> float:
    """The standard error that its interval has; 0 where an end of that is open."""
    low, high = estimate.ends(LEVEL, 1.0)
    size = (high - low) / (2 * t_quantile(0.5 + LEVEL / 2, math.inf))
    return size if math.isfinite(size) else 0.0


def _rate_step(run: RunEstimates, node: Name | Aggregate) -> float:
    """What a request more or less moves a rate by; 0 of what is not a rate."""
    load = run.summary.load
    if load is None or load.rates is None or not isinstance(node, Name):
        return 0.0
    return one_request(load.rates, load.facts).get(node.name, 0.0)
