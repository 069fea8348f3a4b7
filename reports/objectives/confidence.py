"""A condition on one run, judged at a level, and how many answers it takes to judge it at all."""

import math

import msgspec

from headrace.jobs import (
    Aggregate,
    Binary,
    Expression,
    Name,
    Number,
    parse_condition,
    walk_nodes,
)

from ..figures import Summary
from ..run import Run
from ..uncertainty import z_of
from .estimates import RunEstimates
from .weighing import LEVEL, Certainty, FigureInterval, Weighing


class ConfidentJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """A condition, what can be said of it, whether it holds for the figures as they came out, and
    these figures."""

    certainty: Certainty
    met: bool
    figures: list[FigureInterval]


def judge_with_confidence(
    expression: Expression,
    run: Run,
    summary: Summary,
    *,
    level: float = LEVEL,
    growth: float = 1.0,
) -> ConfidentJudgement:
    """Judge a condition on a run by intervals of this level. A figure that isn't known meets
    nothing, surely. `growth` is what each answer is worth beside one that is independent of others.

    Raises ExpressionError for a name that has no meaning.
    """
    found = Weighing(expression, RunEstimates(run, summary), level=level, growth=growth)
    return ConfidentJudgement(
        certainty=found.certainty(), met=found.met(), figures=list(found.figures())
    )


def requests_needed(text: str, *, level: float = LEVEL) -> int:
    """How many answers it takes before a condition like this one can surely hold at all.

    The most that one of its parts needs: a percentile has an upper end from ln(2.5 %) / ln(share)
    answers on; an error rate is surely below c from z^2 (1 - c) / c answers without an error on.

    Args:
        text: of the condition.
        level: the two-sided confidence of the intervals; the figures above are those of 0.95.
    """
    needed, tail, z = 1.0, (1 - level) / 2, z_of(level)
    for node in walk_nodes(parse_condition(text, recorded=True).root):
        match node:
            case Aggregate(quantile=share) if share is not None and 0 < share < 1:
                needed = max(needed, math.log(tail) / math.log(max(share, 1 - share)))
            case Binary(left=Name(name="error_rate"), right=Number(amount=amount)):
                if (limit := float(amount)) > 0:
                    needed = max(needed, z**2 * (1 - limit) / limit)
    return math.ceil(needed) + 1
