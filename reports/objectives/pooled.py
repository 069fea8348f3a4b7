"""Several runs of the same questions taken together, as the base of another run."""

from collections.abc import Sequence

import polars as pl

from headrace.jobs import Aggregate, Expression, Node

from ..uncertainty import Clustered, Estimate, clustered, mean_estimate, quantile_estimate
from .estimates import RunEstimates
from .evaluate import Figures
from .figure_names import Value
from .several_figures import SeveralFigures, mean_value


class PooledFigures(SeveralFigures):
    """Of whatever is made of figures, the mean of what each run makes of its own."""

    def value(self, expression: Expression, node: Node, base: Figures | None = None) -> Value:
        """What a part of an expression is. Raises UnknownError where a run doesn't know it."""
        found = [each.value(expression, node, base) for each in self._runs]
        return found[-1] if len(found) == 1 else mean_value(found)


class PooledEstimates(RunEstimates):
    """Estimates over all answers of several runs, each question with those of all of them."""

    def __init__(self, runs: Sequence[RunEstimates]) -> None:
        """`runs` is at least one; the newest comes last."""
        newest = runs[-1]
        self.run = newest.run
        self.summary = newest.summary
        self.figures = PooledFigures([each.figures for each in runs])
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
