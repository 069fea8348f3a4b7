"""The scores of two runs compared: how much, how surely, which questions, and of what kind."""

import math
from collections.abc import Iterator

import msgspec
import numpy as np
import polars as pl

from ..run import Run
from ..scores import AS_EXPECTED, score_names
from ..uncertainty import (
    Estimate,
    clustered,
    correlation,
    difference_ends,
    holm,
    mcnemar_p,
    mean_estimate,
    smallest_mean_difference,
    smallest_share_difference,
)
from .flips import Flip, flips_of
from .interval import LEVEL, Interval, Z, difference_error, difference_intervals, p_value
from .scored_questions import Asked, Questions, scored_questions, scorer_in

# Groups of a metadata column beyond so many are left out, the smallest first.
GROUPS_MAX = 50


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A score over some questions: its mean in both runs, B - A, its interval (None: too few) and
    how likely chance alone makes as much, not adjusted."""

    questions_a: int
    questions_b: int
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    p: float | None


class ScoreGroup(Compared, frozen=True, kw_only=True):
    """The questions of one value of a metadata column (None: those without one); `p_holm` is
    adjusted for the number of groups."""

    value: str | None
    p_holm: float | None


class ScoreDifference(Compared, frozen=True, kw_only=True):
    """One score of both runs. `scorer_a` and `scorer_b` say by what each was scored, None where the
    files don't; of two that differ a difference may be the scorers'.

    `share`: all answers' scores are 0 or 1, so that means are shares; `binary`: those of questions
    are, too, since each was asked once. `bootstrap_low` to `bootstrap_high` is the paired
    bootstrap's interval of the same difference. `mcnemar_p` is McNemar's exact test, two-sided, and
    `mcnemar_p_holm` that adjusted for the number of scores; None with samples, of grades, and where
    runs are not compared in pairs. `smallest_difference` is what so many questions would have shown
    in 4 of 5 comparisons. `flips` are the first 500 of each direction, which `right_to_wrong` and
    `wrong_to_right` count (of grades: lower and higher).
    """

    name: str
    scorer_a: str | None
    scorer_b: str | None
    share: bool
    binary: bool
    bootstrap_low: float | None
    bootstrap_high: float | None
    mcnemar_p: float | None
    mcnemar_p_holm: float | None
    smallest_difference: float | None
    right_to_wrong: int | None
    wrong_to_right: int | None
    flips: list[Flip]
    by: str | None
    groups: list[ScoreGroup]


def compare_scores(
    runs: tuple[Run, Run], *, paired: bool, by: str | None, seed: int
) -> list[ScoreDifference]:
    """The scores that both runs have, as_expected first.

    Args:
        runs: A and B.
        paired: whether jobs are compared in pairs.
        by: a key of the jobs' metadata to group questions by.
        seed: of the bootstrap.
    """
    shared = set(score_names(runs[0].directory)) & set(score_names(runs[1].directory))
    sides = (Asked.by(runs[0]), Asked.by(runs[1]))
    once = not any(each.samples.several for each in sides)
    found = []
    for name in (AS_EXPECTED, *sorted(shared)):
        questions = scored_questions(sides, name, by, paired=paired)
        if len(questions.a) and len(questions.b):
            binary = questions.share and once
            found.append(_difference(name, questions, runs, by, seed, binary=binary))
    known = [each.mcnemar_p for each in found if each.mcnemar_p is not None]
    adjusted = iter(holm(known))
    return [
        each
        if each.mcnemar_p is None
        else msgspec.structs.replace(each, mcnemar_p_holm=next(adjusted))
        for each in found
    ]


def _difference(
    name: str,
    found: Questions,
    runs: tuple[Run, Run],
    by: str | None,
    seed: int,
    *,
    binary: bool,
) -> ScoreDifference:
    flips: list[Flip] = []
    lost = gained = None
    if found.pairs is not None:
        flips = flips_of(found.pairs, *runs, binary=binary)
        lost = found.pairs.filter(pl.col("score_b") < pl.col("score_a")).height
        gained = found.pairs.filter(pl.col("score_b") > pl.col("score_a")).height
    test = mcnemar_p(lost, gained) if binary and lost is not None and gained is not None else None
    over = _compared(found)
    bootstrap = None if over.low is None else _bootstrap(found, seed)
    return ScoreDifference(
        name=name,
        scorer_a=scorer_in(runs[0], name),
        scorer_b=scorer_in(runs[1], name),
        share=found.share,
        binary=binary,
        **msgspec.structs.asdict(over),
        bootstrap_low=None if bootstrap is None else bootstrap.low,
        bootstrap_high=None if bootstrap is None else bootstrap.high,
        mcnemar_p=test,
        mcnemar_p_holm=None,
        smallest_difference=None if over.low is None else _smallest(found, binary=binary),
        right_to_wrong=lost,
        wrong_to_right=gained,
        flips=flips,
        by=by,
        groups=[] if by is None else _groups(found),
    )


def _estimate(rows: pl.DataFrame) -> Estimate:
    return mean_estimate(clustered(rows["score"], rows["index"]))


def _compared(found: Questions) -> Compared:
    a, b = _estimate(found.a), _estimate(found.b)
    same = None
    if found.pairs is not None:
        same = pl.DataFrame({"one": found.b["index"], "other": found.a["index"]})
    ends = [each.ends(LEVEL, 1) for each in (b, a)]
    low, high = difference_ends((ends[0], b.value), (ends[1], a.value), correlation(b, a, same))
    known = math.isfinite(low) and math.isfinite(high)
    error = (high - low) / (2 * Z)
    return Compared(
        questions_a=a.clusters,
        questions_b=b.clusters,
        a=a.value,
        b=b.value,
        difference=b.value - a.value,
        low=low if known else None,
        high=high if known else None,
        p=p_value(b.value - a.value, error) if known else None,
    )


def _bootstrap(found: Questions, seed: int) -> Interval:
    rng = np.random.default_rng(seed)
    a, b = found.a["score"].to_numpy(), found.b["score"].to_numpy()
    (interval,) = difference_intervals(a, b, [], paired=found.pairs is not None, rng=rng)
    return interval


def _smallest(found: Questions, *, binary: bool) -> float | None:
    a, b = found.a["score"].to_numpy(), found.b["score"].to_numpy()
    df = min(len(a), len(b)) - 1
    if binary and found.pairs is not None:
        return smallest_share_difference(int((a > b).sum()), int((b > a).sum()), len(a))
    error = difference_error(a, b, paired=found.pairs is not None)
    return smallest_mean_difference(error, df) if error else None


def _groups(found: Questions) -> list[ScoreGroup]:
    groups = list(_split(found))
    groups.sort(key=lambda each: -each[1].questions_a)
    kept = groups[:GROUPS_MAX]
    adjusted = iter(holm([each.p for _, each in kept if each.p is not None]))
    return [
        ScoreGroup(
            value=value,
            p_holm=None if over.p is None else next(adjusted),
            **msgspec.structs.asdict(over),
        )
        for value, over in kept
    ]


def _split(found: Questions) -> Iterator[tuple[str | None, Compared]]:
    values = pl.concat([found.a["part"], found.b["part"]]).unique().sort(nulls_last=True)
    for value in values:
        of = [
            rows.filter(pl.col("part").eq_missing(pl.lit(value, pl.String))) for rows in found[:2]
        ]
        if len(of[0]) and len(of[1]):
            yield value, _compared(Questions(of[0], of[1], found.pairs, found.share))


def score_title(name: str) -> str:
    """What a score is called in a table."""
    return "as expected" if name == AS_EXPECTED else name
