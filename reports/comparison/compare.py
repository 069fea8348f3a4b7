"""Two runs compared: each figure's difference, its 95 % interval, and whether it means anything."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import polars as pl

from ..figures import CostSources, check_accounts, cost_sources_of, usage_by_service, usage_of
from ..run import Run, reading_tables
from ..scores import AS_EXPECTED
from ..uncertainty import holm
from .flips import Flips, first_of_each
from .interval import (
    LEVEL,
    Interval,
    Pairs,
    difference_intervals,
    paired_share_interval,
    share_interval,
    statistics,
)
from .pairing import Pairing, Sides, jobs_of, side_by_side
from .scored_questions import check_column
from .scores import ScoreDifference, compare_scores, score_title

COMPARISON_SCHEMA_VERSION = 1
SEED = 20_260_608
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
# Fewer values than this beyond a percentile say too little about where it lies, and fewer than
# VALUES_MIN about a mean.
BEYOND_MIN = 10
VALUES_MIN = 20

# Of B beside A. `perhaps`: the interval leaves out zero, but so would one of that many comparisons
# by chance.
Finding = Literal[
    "higher", "lower", "perhaps higher", "perhaps lower", "none found", "the same", "too few"
]


class Metric(NamedTuple):
    """A column to compare: its unit, which of its percentiles are worth a line, and what its values
    are multiplied by."""

    column: str
    name: str
    unit: str
    percentiles: tuple[str, ...] = ()
    times: float = 1.0


# One job costs too little for a figure that can be read.
COST = "cost of 1,000"
METRICS = (
    Metric("latency_s", "latency", "s", ("p50", "p90", "p95", "p99")),
    Metric("ttft_s", "TTFT", "s", ("p50", "p90", "p95", "p99")),
    Metric("tpot_s", "TPOT", "s", ("p50", "p95")),
    Metric("total_s", "total", "s", ("p50", "p95")),
    Metric("input_tokens", "input tokens", ""),
    Metric("output_tokens", "output tokens", ""),
    Metric("attempts", "attempts", ""),
)
SHARES = (
    Metric("failed", "failed", "share"),
    Metric("cut", "cut short", "share"),
)
# What is of the answers and not of the hour in which they came; scores are, too.
OF_ANSWERS = {"cut short", COST, "input tokens", "output tokens"}
# What is compared only where a run has any of it.
WHERE_ANY = {"cut"}


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both runs. `statistic` is mean, share or a percentile; `difference` is B - A,
    `low` to `high` its interval (None where the values are too few), `p` adjusted for the number
    of comparisons. `count_a` and `count_b` are the jobs that have the figure: in pairs, one number.

    `clear_within_runs`: by what varies within the runs it would be clear, but what lies between
    runs is not known. With several runs a side `a` and `b` are means over runs, `between_a` is the
    standard deviation of A's runs, and `within_a` what chance within a run explains of it.
    """

    metric: str
    statistic: str
    unit: str
    a: float
    b: float
    count_a: int
    count_b: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    finding: Finding
    clear_within_runs: bool = False
    between_a: float | None = None
    between_b: float | None = None
    within_a: float | None = None
    within_b: float | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. Costs in `currency` (None where the two runs have none in common); the totals are
    exact, and those of all jobs, paired or not. `scores` are those that both runs have. `flips` are
    the questions that changed by as_expected: None where that can't be
    told. With several runs a side `a` and `b` are all of `runs_a` and `runs_b`; noise between runs
    is known where both sides have several. `sources_a` and `sources_b` are what each model cost, by
    who says so."""

    schema_version: int
    a: str
    b: str
    runs_a: list[str] = []
    runs_b: list[str] = []
    noise_between_runs: Literal["known", "not known"] = "not known"
    pairing: Pairing
    currency: str | None
    total_cost_a: Decimal | None
    total_cost_b: Decimal | None
    level: float
    seed: int
    differences: list[Difference]
    scores: list[ScoreDifference] = []
    flips: Flips | None = None
    sources_a: list[CostSources] = []
    sources_b: list[CostSources] = []


def compare_runs(a: Run, b: Run, *, by: str | None = None) -> Comparison:
    """Compare two runs that are read already; the same two give the same figures.

    Args:
        a: the run that is compared with.
        b: the run of which is said that it is higher or lower.
        by: a key of the jobs' metadata; scores are compared for each of its values, too.

    Returns:
        Each figure of both, their difference and its interval.

    Raises:
        InputError: a table can't be read, or no job has such metadata.
    """
    if by is not None:
        with reading_tables(a.directory):
            check_column((a, b), by)
    with reading_tables(a.directory):
        jobs_a, usage_a = jobs_of(a), usage_of(a)
        sources_a = cost_sources_of(a, usage_a, check_accounts(a), usage_by_service(a))
    with reading_tables(b.directory):
        jobs_b, usage_b = jobs_of(b), usage_of(b)
        sources_b = cost_sources_of(b, usage_b, check_accounts(b), usage_by_service(b))
    sides = side_by_side(jobs_a, jobs_b)
    currency = usage_a.currency if usage_a.currency == usage_b.currency else None
    with reading_tables(b.directory):
        scores = compare_scores((a, b), paired=sides.pairing.paired, by=by, seed=SEED)
    of_answers = {*OF_ANSWERS, *(score_title(each.name) for each in scores)}
    any_load = "load" in (a.manifest.kind, b.manifest.kind)
    return Comparison(
        schema_version=COMPARISON_SCHEMA_VERSION,
        a=str(a.directory),
        b=str(b.directory),
        runs_a=[str(a.directory)],
        runs_b=[str(b.directory)],
        pairing=sides.pairing,
        currency=currency,
        total_cost_a=usage_a.total.cost if currency else None,
        total_cost_b=usage_b.total.cost if currency else None,
        level=LEVEL,
        seed=SEED,
        differences=judged(
            list(_differences(sides, scores, currency)),
            capped=lambda each: any_load or each.metric not in of_answers,
        ),
        scores=scores,
        flips=flips_by(scores, AS_EXPECTED),
        sources_a=sources_a,
        sources_b=sources_b,
    )


def flips_by(scores: Sequence[ScoreDifference], name: str) -> Flips | None:
    """The questions that changed by one score; None where both runs don't have it, or have no pairs
    of questions."""
    for each in scores:
        if each.name == name and each.right_to_wrong is not None:
            return Flips(
                score=name,
                binary=each.binary,
                right_to_wrong=each.right_to_wrong,
                wrong_to_right=each.wrong_to_right or 0,
                shown=first_of_each(each.flips),
            )
    return None


def _differences(
    sides: Sides, scores: list[ScoreDifference], currency: str | None
) -> Iterator[Difference]:
    metrics: tuple[Metric, ...] = METRICS
    if currency is not None:
        metrics = (Metric("cost", COST, currency, times=1000.0), *METRICS)
    rng = np.random.default_rng(SEED)
    yield from _of_shares(sides, SHARES[0])
    yield from map(_of_score, scores)
    yield from _of_shares(sides, SHARES[1])
    for metric in metrics:
        yield from _of_values(sides, metric, rng)


def _of_score(each: ScoreDifference) -> Difference:
    return Difference(
        metric=score_title(each.name),
        statistic="share" if each.share else "mean",
        unit="share" if each.share else "",
        a=each.a,
        b=each.b,
        count_a=each.questions_a,
        count_b=each.questions_b,
        difference=each.difference,
        low=each.low,
        high=each.high,
        p=each.p,
        finding="too few",
    )


def _known(sides: Sides, column: str) -> tuple[pl.Series, pl.Series]:
    """The values of a column on both sides; in pairs, of the pairs in which both have one."""
    a, b = sides.a[column], sides.b[column]
    if sides.pairing.paired:
        both = a.is_not_null() & b.is_not_null()
        return a.filter(both), b.filter(both)
    return a.drop_nulls(), b.drop_nulls()


def _of_shares(sides: Sides, metric: Metric) -> Iterator[Difference]:
    a, b = _known(sides, metric.column)
    if not len(a) or not len(b) or (metric.column in WHERE_ANY and not (a.any() or b.any())):
        return
    if sides.pairing.paired:
        counts = Pairs(
            int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())
        )
        interval = paired_share_interval(counts)
    else:
        interval = share_interval((int(a.sum()), len(a)), (int(b.sum()), len(b)))
    one, other = int(a.sum()) / len(a), int(b.sum()) / len(b)
    yield _difference(metric, "share", (one, other), (len(a), len(b)), interval)


def _of_values(sides: Sides, metric: Metric, rng: np.random.Generator) -> Iterator[Difference]:
    a, b = (each.to_numpy() * metric.times for each in _known(sides, metric.column))
    counts = (len(a), len(b))
    if not min(counts):
        return
    shares = [PERCENTILES[name] for name in metric.percentiles]
    of_a, of_b = statistics(a, shares), statistics(b, shares)
    intervals = difference_intervals(a, b, shares, paired=sides.pairing.paired, rng=rng)
    for n, name in enumerate(("mean", *metric.percentiles)):
        enough = min(counts) >= VALUES_MIN
        if name in PERCENTILES:
            share = PERCENTILES[name]
            enough = min(counts) * min(share, 1 - share) >= BEYOND_MIN - 1e-9
        interval = intervals[n] if enough else None
        yield _difference(metric, name, (float(of_a[n]), float(of_b[n])), counts, interval)


def _difference(
    metric: Metric,
    statistic: str,
    values: tuple[float, float],
    counts: tuple[int, int],
    interval: Interval | None,
) -> Difference:
    return Difference(
        metric=metric.name,
        statistic=statistic,
        unit=metric.unit,
        a=values[0],
        b=values[1],
        count_a=counts[0],
        count_b=counts[1],
        difference=values[1] - values[0],
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        p=None if interval is None else interval.p,
        finding="too few",
    )


def judged(
    found: Sequence[Difference], *, capped: Callable[[Difference], bool]
) -> list[Difference]:
    """Differences with what is to be made of each, all others counted (Holm).

    Args:
        found: with their own p, None where there is too little to tell.
        capped: whether nothing is known of what lies between runs, and it would move the figure.
    """
    adjusted = iter(holm([each.p for each in found if each.p is not None]))
    return [
        each if each.p is None else _judged(each, next(adjusted), capped=capped(each))
        for each in found
    ]


def _judged(each: Difference, p: float, *, capped: bool) -> Difference:
    assert each.low is not None
    assert each.high is not None
    clear = p < 1 - LEVEL
    finding: Finding = "none found"
    if each.low == each.high == 0:
        finding = "the same"
    elif each.low > 0:
        finding = "higher" if clear and not capped else "perhaps higher"
    elif each.high < 0:
        finding = "lower" if clear and not capped else "perhaps lower"
    hidden = capped and clear and finding.startswith("perhaps")
    return msgspec.structs.replace(each, p=p, finding=finding, clear_within_runs=hidden)
