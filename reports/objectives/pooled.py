"""Several runs of the same questions taken together, as the base of another run."""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from headrace.jobs import Aggregate, Expression, Node

from ..uncertainty import Clustered, Estimate, clustered, mean_estimate, quantile_estimate
from .estimates import RunEstimates
from .evaluate import Figures
from .figure_names import Value


class PooledFigures(Figures):
    """Figures of several runs: of a number the mean of theirs, of a text the newest run's."""

    def __init__(self, runs: Sequence[RunEstimates]) -> None:
        self._runs = [each.figures for each in runs]
        self.currency = self._runs[-1].currency
        self.scores = self._runs[-1].scores

    def value(self, expression: Expression, node: Node, base: Figures | None = None) -> Value:
        """What a part of an expression is. Raises UnknownError where a run doesn't know it."""
        found = [each.value(expression, node, base) for each in self._runs]
        if isinstance(found[-1], str | bool) or len(found) == 1:
            return found[-1]
        numbers = [Decimal(str(each)) for each in found]
        mean = sum(numbers, Decimal(0)) / len(numbers)
        return float(mean) if any(isinstance(each, float) for each in found) else mean

    def unit(self, node: Node) -> str:
        """What a part of an expression is shown in: as in the newest run."""
        return self._runs[-1].unit(node)


class PooledEstimates(RunEstimates):
    """Estimates over all answers of several runs, each question with those of all of them."""

    def __init__(self, runs: Sequence[RunEstimates]) -> None:
        """`runs` is at least one; the newest comes last."""
        newest = runs[-1]
        self.run = newest.run
        self.summary = newest.summary
        self.figures = PooledFigures(runs)
        self._runs = runs

    def of(self, expression: Expression, node: Node) -> Estimate | None:
        """The estimate that a figure is; None where it is exact. Raises UnknownError."""
        found = [each.of(expression, node) for each in self._runs]
        known = [each.clustered for each in found if each is not None]
        if len(known) < len(found):
            return None
        if len(known) == 1:
            return found[0]
        together = clustered(
            pl.concat([pl.Series("value", each.values) for each in known]),
            pl.concat([_names(*each) for each in zip(self._runs, known, strict=True)]),
        )
        if isinstance(node, Aggregate) and node.quantile is not None:
            return quantile_estimate(together, float(node.quantile))
        return mean_estimate(together)

    def questions(self) -> pl.DataFrame:
        """Those of all runs, by name: a question may stand on another line each night."""
        if len(self._runs) == 1:
            return self._runs[0].questions()
        rows = pl.concat([each.questions().with_columns(key=pl.col("name")) for each in self._runs])
        return rows.unique(["name", "body_digest"], keep="first", maintain_order=True)


def _names(run: RunEstimates, known: Clustered) -> pl.Series:
    """The name of the question of each value; what has no result goes by its line."""
    questions = run.questions()
    names = dict(zip(questions["key"], questions["name"], strict=True))
    of_cluster = pl.Series(
        "key", [names.get(key, f"line {key}") for key in known.keys], dtype=pl.String
    )
    return of_cluster.gather(known.codes.tolist())
