"""What becomes of objectives whose figures are estimates: met, missed or unclear, and what would
settle them."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from headrace.jobs import Expression, Name, Result, schema, walk_nodes

from ..scores import AS_EXPECTED
from ..uncertainty import holm_rejects
from .estimates import RunEstimates
from .evaluate import BASE
from .figure_names import FIGURES
from .objective import Judgement
from .repeated import RepeatedEstimates
from .weighing import LEVEL, Outcome, Pair, Weighing

# What an unclear objective counts as: met, missed, or what its figures say as they came out.
Unclear = Literal["met", "missed", "point"]
# More than that many times what was measured is not a plan.
GROWTH_MAX = 100.0
STEPS = 24
# Whoever speaks of these, or of a score, asks questions.
OF_ANSWERS = {"expected", "text", AS_EXPECTED}


def one_sided(alpha: float) -> float:
    """The level of intervals of which one end is beyond the truth with `alpha`: 0.98 of 1 %."""
    return 1 - 2 * alpha


class Weigher:
    """Objectives over a run, and beside its base, at a level; each figure is read once."""

    def __init__(
        self,
        objectives: Sequence[Expression],
        run: RunEstimates,
        base: RunEstimates | None,
        *,
        level: float = LEVEL,
    ) -> None:
        self._objectives, self._run, self._level = objectives, run, level
        self._pair = None if base is None else Pair(run, base)

    def weigh(
        self, judgements: Sequence[Judgement], unclear: Unclear, *, holm: bool = False
    ) -> list[Judgement]:
        """Judgements by the point, with what their intervals say.

        Args:
            judgements: one for each objective, in their order.
            unclear: what an unclear objective counts as.
            holm: whether the level is that of all of them together (S. Holm, 1979): what misses its
                limit by no more than chance explains among so many is unclear.
        """
        weighings = [self._weighing(each) for each in self._objectives]
        words: dict[str, Outcome] = {"met": "met", "not met": "missed", "unclear": "unclear"}
        outcomes = [words[each.certainty()] for each in weighings]
        if holm:
            estimated = [n for n, each in enumerate(weighings) if each.estimates]
            missed = self._missed_of(estimated)
            for n in estimated:
                if outcomes[n] == "missed" and n not in missed:
                    outcomes[n] = "unclear"
        return [
            self._told(*each, unclear)
            for each in zip(judgements, self._objectives, weighings, outcomes, strict=True)
        ]

    def _weighing(
        self, objective: Expression, level: float | None = None, growth: float = 1.0
    ) -> Weighing:
        level = self._level if level is None else level
        return Weighing(objective, self._run, self._pair, level=level, growth=growth)

    def _missed_of(self, numbers: Sequence[int]) -> set[int]:
        """Which of these objectives are missed with all of them counted."""

        def misses(place: int, alpha: float) -> bool:
            return self.misses(numbers[place], alpha)

        found = holm_rejects(len(numbers), (1 - self._level) / 2, misses)
        return {numbers[each] for each in found}

    def misses(self, number: int, alpha: float) -> bool:
        """Whether an objective (by its place) is missed at another level, one-sided."""
        weighing = self._weighing(self._objectives[number], one_sided(alpha))
        return weighing.certainty() == "not met"

    def is_estimate(self, number: int) -> bool:
        """Whether chance is in an objective (by its place) at all."""
        weighing = self._weighing(self._objectives[number])
        weighing.certainty()
        return bool(weighing.estimates)

    def _told(
        self,
        judgement: Judgement,
        objective: Expression,
        weighing: Weighing,
        outcome: Outcome,
        unclear: Unclear,
    ) -> Judgement:
        met = judgement.met
        if unclear != "point":
            met = (unclear if outcome == "unclear" else outcome) == "met"
        settling = self._would_settle(objective) if outcome == "unclear" else None
        return msgspec.structs.replace(
            judgement,
            met=met,
            outcome=outcome,
            intervals=list(weighing.figures()),
            would_settle=settling,
            settled_by=None if settling is None else self._settled_by(objective),
        )

    def _would_settle(self, objective: Expression) -> int | None:
        """How many questions or requests in all would settle it, should the figures stay."""
        at_most = self._weighing(objective, growth=GROWTH_MAX)
        if at_most.certainty() == "unclear" or not at_most.estimates:
            return None
        low, high = 1.0, GROWTH_MAX
        for _ in range(STEPS):
            middle = math.sqrt(low * high)
            found = self._weighing(objective, growth=middle).certainty()
            low, high = (middle, high) if found == "unclear" else (low, middle)
        return math.ceil(high * max(each.clusters for each in at_most.estimates))

    def _settled_by(self, objective: Expression) -> str:
        if self._run.run.manifest.kind == "load":
            return "runs" if isinstance(self._run, RepeatedEstimates) else "requests"
        names = {each.name for each in walk_nodes(objective.root) if isinstance(each, Name)}
        known = {*schema(Result), *FIGURES, BASE} - OF_ANSWERS
        asked = any(name not in known for name in names if "." not in name)
        return "questions" if asked or self._run.samples.several else "jobs"
