"""A condition on a load run, judged with what its client was late by taken out, and charged."""

from collections.abc import Sequence
from typing import NamedTuple

from headrace.jobs import Expression

from ..figures import Summary, summary_of
from ..load import SIDES, as_if
from ..run import Run
from .confidence import judge_with_confidence
from .evaluate import Figures
from .objective import Judgement, judge
from .weighing import LEVEL, Certainty, FigureInterval


def depending_on_client(
    objectives: Sequence[Expression],
    run: Run,
    summary: Summary,
    base: Figures | None,
    found: Sequence[Judgement],
) -> list[bool]:
    """Which judgements a load run's own client may have decided; none of a valid run's.

    Args:
        objectives: conditions on the run.
        run: the run.
        summary: of the run.
        base: the run that `base` in an objective stands for.
        found: what `judge` says of each, as it was recorded.

    Raises:
        ExpressionError: an objective has no meaning.
    """
    load = summary.load
    if load is None or load.verdict.valid:
        return [False for _ in found]
    if load.facts.machine is None:  # nothing is known of its lateness
        return [True for _ in found]
    sides = [as_if(run, load.facts, side) for side in SIDES]
    others = [judge(objectives, Figures(side, summary_of(side)), base) for side in sides]
    return [any(other[n].met != each.met for other in others) for n, each in enumerate(found)]


class JudgementWithinError(NamedTuple):
    """What can be said of a condition. `depends_on_client`: whether it is met is decided by the
    client's own lateness, or may be; then it says nothing of the service."""

    certainty: Certainty
    met: bool
    figures: list[FigureInterval]
    depends_on_client: bool


def judge_within_client_error(
    expression: Expression,
    run: Run,
    summary: Summary,
    *,
    level: float = LEVEL,
    growth: float = 1.0,
) -> JudgementWithinError:
    """Judge a condition on a run, and whether its verdict matters to it.

    Of a valid run it is the judgement by its figures. Of any other the run is judged without the
    client's lateness, and with all of it, too. `level` and `growth` as of `judge_with_confidence`.

    Raises:
        ExpressionError: a name has no meaning.
    """
    found = judge_with_confidence(expression, run, summary, level=level, growth=growth)
    load = summary.load
    if load is None or load.verdict.valid:
        return JudgementWithinError(found.certainty, found.met, found.figures, False)
    if load.facts.machine is None:  # nothing is known of its lateness
        return JudgementWithinError(found.certainty, found.met, found.figures, True)
    sides = [as_if(run, load.facts, side) for side in SIDES]
    others = [
        judge_with_confidence(expression, side, summary_of(side), level=level, growth=growth)
        for side in sides
    ]
    all_of_them = [found, *others]
    alike = len({each.certainty for each in all_of_them}) == 1
    return JudgementWithinError(
        certainty=found.certainty if alike else "unclear",
        met=found.met,
        figures=found.figures,
        depends_on_client=len({each.met for each in all_of_them}) > 1,
    )
