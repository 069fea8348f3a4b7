"""The report of a night: every condition judged, beside what, and the questions that flipped."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from headrace.jobs import Expression, InputError

from ..comparison import Flips, compare_runs, flips_by, pairing_words
from ..figures import usage_of
from ..objectives import ANY, SHARE, PooledEstimates, RunEstimates, check_objective
from ..run import open_run
from ..scores import AS_EXPECTED, SCORERS, votes_runs
from ..wording import money
from .judgement import LEVEL, Asked, NightObjective, judge_night

NIGHT_SCHEMA_VERSION = 1


class Base(NamedTuple):
    """What a night is held beside: its name, and the runs that are taken together."""

    name: str
    runs: tuple[Path, ...]


class NightPlan(NamedTuple):
    """What a night is judged by.

    Args:
        run: its directory.
        date: of its start.
        eval_file: what says all this.
        require: conditions on the night.
        beside_require: conditions beside each of the bases.
        bases: none on a first night.
        last_good: the run whose answers are shown beside the night's.
        baseline: the dates of its nights.
        baseline_nights: how many it will be made of.
        notes: what else is to be said.
        score: what says which answers are right; None is as_expected.
    """

    run: Path
    date: str
    eval_file: str
    require: Sequence[Expression]
    beside_require: Sequence[Expression]
    bases: Sequence[Base]
    last_good: Path | None
    baseline: Sequence[str]
    baseline_nights: int
    notes: Sequence[str] = ()
    score: str | None = None


class NightReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `verdict` is `not met` where a condition is missed by more than chance, at `level`
    over all conditions. `flips` are beside `last_good`, by `score` (None: as_expected); None where
    that can't be told."""

    schema_version: int
    run: str
    date: str
    eval_file: str
    started_at: datetime
    verdict: Literal["good", "not met"]
    level: float
    objectives: list[NightObjective]
    baseline: list[str]
    baseline_nights: int
    last_good: str | None
    jobs: int
    failed: int
    cost: Decimal | None
    currency: str | None
    flips: Flips | None
    score: str | None
    notes: list[str]


def check_night(
    require: Sequence[Expression], beside_require: Sequence[Expression], scores: Sequence[str]
) -> None:
    """Refuse conditions that have no meaning for any night, before anything is sent.

    Args:
        require: conditions on a night.
        beside_require: conditions beside another night.
        scores: the names of the scores that it will have.

    Raises:
        ExpressionError: one has unknown names, or `base` out of place.
    """
    ranges = {name: SHARE if name in SCORERS else ANY for name in scores}
    for each in require:
        check_objective(
            each,
            with_base=False,
            scores=ranges,
            to_have_base="write the condition in beside_require, not in require",
        )
    for each in beside_require:
        check_objective(each, with_base=True, scores=ranges)


def report_night(plan: NightPlan) -> NightReport:
    """Judge a night. Raises InputError where a run can't be read."""
    tonight = RunEstimates.of_directory(plan.run)
    asked = [Asked(plan.require)]
    for base in plan.bases:
        pooled = PooledEstimates(list(map(RunEstimates.of_directory, base.runs)))
        names = [each.name for each in base.runs]
        asked.append(Asked(plan.beside_require, base.name, names, pooled))
    judged = judge_night(asked, tonight)
    summary = tonight.summary
    flips, said = _beside_last_good(plan)
    usage = summary.usage
    return NightReport(
        schema_version=NIGHT_SCHEMA_VERSION,
        run=str(plan.run),
        date=plan.date,
        eval_file=plan.eval_file,
        started_at=summary.run.started_at.astimezone(UTC),
        verdict="good" if all(each.judgement.met for each in judged) else "not met",
        level=LEVEL,
        objectives=judged,
        baseline=list(plan.baseline),
        baseline_nights=plan.baseline_nights,
        last_good=None if plan.last_good is None else plan.last_good.name.removesuffix(".run"),
        jobs=summary.outcome.succeeded + summary.outcome.failed,
        failed=summary.outcome.failed,
        cost=usage.total.cost if usage.rows and usage.currency else None,
        currency=usage.currency,
        flips=flips,
        score=plan.score,
        notes=[*plan.notes, *said, *_of_votes(plan.run)],
    )


def _of_votes(directory: Path) -> Iterator[str]:
    """What judges' votes cost, which are in no figure of the run itself."""
    for each in votes_runs(directory):
        usage = usage_of(open_run(each))
        if usage.total.cost is not None and usage.currency is not None:
            cost = money(usage.total.cost, usage.currency)
            yield f"the votes of {each.parent.name} cost {cost}, which is not in `cost`"


def _beside_last_good(plan: NightPlan) -> tuple[Flips | None, list[str]]:
    if plan.last_good is None:
        return None, []
    try:
        comparison = compare_runs(open_run(plan.last_good), open_run(plan.run))
    except InputError as error:
        return None, [f"not compared with {plan.last_good.name}: {error.message}"]
    if not comparison.pairing.paired:
        return None, [f"beside {plan.last_good.name}: {pairing_words(comparison)}"]
    flips = flips_by(comparison.scores, plan.score or AS_EXPECTED)
    if flips is None and plan.score is not None:
        return None, [f"beside {plan.last_good.name}: it has no score {plan.score}"]
    return flips, []
