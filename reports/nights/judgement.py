"""A night judged by its conditions: red only where a miss is more than chance.

A condition is missed where the whole of its interval lies beyond it, at 1 %, one-sided, over all
conditions of the night beside all that they are held beside together (S. Holm, Scandinavian Journal
of Statistics 6, 1979). Where the interval holds the limit it is unclear, and counts as met.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from headrace.jobs import Expression

from ..objectives import Judgement, RunEstimates, Weigher, judge, one_sided
from ..uncertainty import holm_rejects

LEVEL = 0.01


class Asked(NamedTuple):
    """Conditions, and what they are held beside: its name, its runs' names, and their estimates
    taken together; None of conditions on the night alone."""

    conditions: Sequence[Expression]
    beside: str | None = None
    beside_runs: Sequence[str] = ()
    base: RunEstimates | None = None


class NightObjective(msgspec.Struct, frozen=True, kw_only=True):
    """One condition, judged as a gate does it, and what it was held beside."""

    beside: str | None
    beside_runs: list[str]
    judgement: Judgement


class _Weighed(NamedTuple):
    asked: Asked
    weigher: Weigher
    number: int  # of the condition, for the weigher
    judgement: Judgement


def judge_night(asked: Sequence[Asked], tonight: RunEstimates) -> list[NightObjective]:
    """Judge all conditions of a night, in their order.

    Args:
        asked: the conditions, by what they are held beside.
        tonight: the night.
    """
    found = [weighed for each in asked for weighed in _weighed(each, tonight)]
    estimates = [each for each in found if each.weigher.is_estimate(each.number)]

    def rejects(place: int, alpha: float) -> bool:
        return estimates[place].weigher.misses(estimates[place].number, alpha)

    fallen = holm_rejects(len(estimates), LEVEL, rejects)
    excused = {id(each) for n, each in enumerate(estimates) if n not in fallen}
    return [_told(each, excused=id(each) in excused) for each in found]


def _weighed(asked: Asked, tonight: RunEstimates) -> list[_Weighed]:
    weigher = Weigher(asked.conditions, tonight, asked.base, level=one_sided(LEVEL))
    base = None if asked.base is None else asked.base.figures
    points = judge(asked.conditions, tonight.figures, base)
    judged = weigher.weigh(points, "met")
    return [_Weighed(asked, weigher, n, each) for n, each in enumerate(judged)]


def _told(found: _Weighed, *, excused: bool) -> NightObjective:
    judgement = found.judgement
    if excused and judgement.outcome == "missed":
        judgement = msgspec.structs.replace(judgement, met=True, outcome="unclear")
    return NightObjective(
        beside=found.asked.beside,
        beside_runs=list(found.asked.beside_runs),
        judgement=judgement,
    )
