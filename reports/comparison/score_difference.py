"""The difference of two runs' mean scores, clustered by question and paired where these are the
same (E. Miller, "Adding Error Bars to Evals", arXiv 2411.00640, 2024, sections 2 to 4)."""

import math
from typing import NamedTuple

import polars as pl

from ..uncertainty import clustered, correlation, difference_ends, mean_estimate
from .interval import LEVEL, Interval, Z, p_value
from .pairing import QUESTION_OF, SCORE, Sides


class ScoreDifference(NamedTuple):
    """The mean of each side and how many answers it is of; `interval` is that of B - A, None where
    the questions are too few."""

    a: float
    b: float
    count_a: int
    count_b: int
    interval: Interval | None


def score_difference(sides: Sides, name: str) -> ScoreDifference | None:
    """The difference of a score that both runs have; None where a side has none of it.

    In pairs, of the answers that have a score on both sides.
    """
    columns = {"score": SCORE + name, "question": QUESTION_OF + name}
    a, b = (
        side.select(pl.col(theirs).alias(ours) for ours, theirs in columns.items())
        for side in (sides.a, sides.b)
    )
    pairs = None
    if sides.pairing.paired:
        both = a["score"].is_not_null() & b["score"].is_not_null()
        a, b = a.filter(both), b.filter(both)
        pairs = pl.DataFrame({"one": b["question"], "other": a["question"]}).unique()
    else:
        a, b = a.drop_nulls("score"), b.drop_nulls("score")
    if not len(a) or not len(b):
        return None
    of_a, of_b = (mean_estimate(clustered(each["score"], each["question"])) for each in (a, b))
    ends = difference_ends(
        (of_b.ends(LEVEL, 1.0), of_b.value),
        (of_a.ends(LEVEL, 1.0), of_a.value),
        correlation(of_b, of_a, pairs),
    )
    interval = None
    if math.isfinite(ends.low) and math.isfinite(ends.high):
        p = p_value(of_b.value - of_a.value, (ends.high - ends.low) / (2 * Z))
        interval = Interval(ends.low, ends.high, p)
    return ScoreDifference(of_a.value, of_b.value, len(a), len(b), interval)
