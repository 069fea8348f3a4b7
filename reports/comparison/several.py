"""Several runs a side compared: each run is one observation of each of its figures.

What lies between runs (the hour, the neighbours, the caches) is what no interval within a run
knows. Runs of one side show it, and Welch's t is over them. Where chance within the runs explains
more than they happen to differ by, that is what counts: two runs may be alike by luck.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from headrace.jobs import InputError

from ..figures import usage_of
from ..repeat_runs import runs_in
from ..run import Run, open_run, reading_tables
from ..uncertainty import welch
from .compare import (
    COMPARISON_SCHEMA_VERSION,
    SEED,
    Comparison,
    Difference,
    compare_runs,
    judged,
)
from .interval import LEVEL
from .pairing import Pairing
from .run_figures import RunFigure, run_figures
from .spread_between import spread_between

Name = tuple[str, str]


def compare_sides(a: Sequence[Path], b: Sequence[Path], *, by: str | None = None) -> Comparison:
    """Compare runs of one side with those of another; of one a side, as `compare_runs` does.

    Args:
        a: directories of the runs that are compared with, or of repeats, which stand for theirs.
        b: those of which is said that they are higher or lower.
        by: a key of the jobs' metadata; only of one run a side.

    Raises:
        InputError: there is no run on a side, or one twice, or one can't be read.
    """
    if not a or not b:
        raise InputError("a comparison has two sides; name at least one run of each")
    a, b = runs_in(a), runs_in(b)
    runs_a, runs_b = [open_run(each) for each in a], [open_run(each) for each in b]
    if len(runs_a) == len(runs_b) == 1:
        return compare_runs(runs_a[0], runs_b[0], by=by)
    if by is not None:
        raise InputError("--by is of one run a side; leave it out, or compare two runs")
    real = [each.resolve() for each in (*a, *b)]
    if twice := [str(each) for n, each in enumerate((*a, *b)) if real[n] in real[:n]]:
        raise InputError(f"{twice[0]} is given twice; each run counts once")
    return compare_opened(runs_a, runs_b)


def compare_opened(a: Sequence[Run], b: Sequence[Run]) -> Comparison:
    """The same of runs that are read already; of one a side, as two runs are compared."""
    if len(a) == len(b) == 1:
        return compare_runs(a[0], b[0])
    sides = [_of_runs(side) for side in (a, b)]
    known = min(len(a), len(b)) > 1
    costs_a, costs_b = ([_cost(run) for run in side] for side in (a, b))
    currencies = {currency for _, currency in (*costs_a, *costs_b)}
    currency = currencies.pop() if len(currencies) == 1 else None
    jobs_a, jobs_b = (_jobs(each) for each in sides)
    return Comparison(
        schema_version=COMPARISON_SCHEMA_VERSION,
        a=", ".join(str(run.directory) for run in a),
        b=", ".join(str(run.directory) for run in b),
        runs_a=[str(run.directory) for run in a],
        runs_b=[str(run.directory) for run in b],
        noise_between_runs="known" if known else "not known",
        pairing=Pairing(
            jobs_a=jobs_a,
            jobs_b=jobs_b,
            pairs=0,
            changed=0,
            only_a=jobs_a,
            only_b=jobs_b,
            unpaired_because="each run counts once",
        ),
        currency=currency,
        total_cost_a=_total(costs_a) if currency else None,
        total_cost_b=_total(costs_b) if currency else None,
        level=LEVEL,
        seed=SEED,
        differences=compare_figures(sides),
    )


def compare_figures(sides: Sequence[list[list[RunFigure]]]) -> list[Difference]:
    """What the figures of both sides' runs say, those that all runs have; of a single run on a side
    nothing above perhaps."""
    figures_a, figures_b = map(_by_name, _alike(sides))
    found = [
        _difference(figures_a[name], figures_b[name]) for name in figures_a if name in figures_b
    ]
    one_run = min(len(side) for side in sides) == 1
    return judged(found, capped=lambda _: one_run)


def by_name(runs: Sequence[Run]) -> dict[Name, list[RunFigure]]:
    """The figures that all runs have, each once a run, in their order."""
    (alike,) = _alike([_of_runs(runs)])
    return _by_name(alike)


def _of_runs(runs: Sequence[Run]) -> list[list[RunFigure]]:
    return [run_figures(run) for run in runs]


def _alike(sides: Sequence[list[list[RunFigure]]]) -> Iterator[list[list[RunFigure]]]:
    """A score that is right or wrong in some runs, and grades in others, as grades in all."""
    every = [each for side in sides for figures in side for each in figures]
    graded = {each.metric for each in every if each.statistic == "mean"}
    for side in sides:
        yield [
            [
                each._replace(statistic="mean", unit="")
                if each.statistic == "share" and each.metric in graded
                else each
                for each in figures
            ]
            for figures in side
        ]


def _by_name(runs: Sequence[Sequence[RunFigure]]) -> dict[Name, list[RunFigure]]:
    """The figures that all runs of a side have, each once a run, in their order."""
    every = [{each.name: each for each in figures} for figures in runs]
    return {
        name: [figures[name] for figures in every]
        for name in every[0]
        if all(name in figures for figures in every)
    }


def _jobs(runs: Sequence[Sequence[RunFigure]]) -> int:
    """Those with a result, which all have or lack a failure."""
    every = (each for figures in runs for each in figures)
    return sum(each.jobs for each in every if each.name == ("failed", "share"))


def _cost(run: Run) -> tuple[Decimal, str | None]:
    with reading_tables(run.directory):
        usage = usage_of(run)
    return usage.total.cost or Decimal(0), usage.currency


def _total(costs: Sequence[tuple[Decimal, str | None]]) -> Decimal:
    return sum((cost for cost, _ in costs), Decimal(0))


def _difference(a: list[RunFigure], b: list[RunFigure]) -> Difference:
    spread_a, spread_b = spread_between(a), spread_between(b)
    found = welch(spread_a.side, spread_b.side, level=LEVEL)
    metric = a[0]
    return Difference(
        metric=metric.metric,
        statistic=metric.statistic,
        unit=metric.unit,
        a=spread_a.side.mean,
        b=spread_b.side.mean,
        count_a=sum(each.jobs for each in a),
        count_b=sum(each.jobs for each in b),
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p,
        finding="none found",
        between_a=spread_a.between,
        between_b=spread_b.between,
        within_a=spread_a.within,
        within_b=spread_b.within,
    )
