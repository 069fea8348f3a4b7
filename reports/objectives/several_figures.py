"""Figures of several runs taken together: of a number their mean, of a text the newest run's."""

from collections.abc import Sequence
from decimal import Decimal

from headrace.jobs import Node

from .evaluate import Figures
from .figure_names import Value


class SeveralFigures(Figures):
    """What figures of several runs have in common, however they are taken together."""

    def __init__(self, runs: Sequence[Figures]) -> None:
        """`runs` is at least one; the newest comes last."""
        self._runs = runs
        self.currency = runs[-1].currency
        self.scores = runs[-1].scores

    def unit(self, node: Node) -> str:
        """What a part of an expression is shown in: as in the newest run."""
        return self._runs[-1].unit(node)


def mean_value(found: Sequence[Value]) -> Value:
    """The mean of one figure of several runs, exact where all are; of a text the last one."""
    if isinstance(found[-1], str | bool):
        return found[-1]
    mean = sum((Decimal(str(each)) for each in found), Decimal(0)) / len(found)
    return float(mean) if any(isinstance(each, float) for each in found) else mean
