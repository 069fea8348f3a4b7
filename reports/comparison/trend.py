"""Runs over time: each one's cost, times, errors and scores as a short series."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
import polars as pl

from headrace.jobs import InputError, strip_zeros

from ..figures import measured_results
from ..run import Run, open_run, reading_tables
from ..scores import matches, score_figures

TREND_SCHEMA_VERSION = 1


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Times are seconds, of succeeded jobs; shares are of the jobs with a result, and
    `as_expected` of those whose expected answer can be compared, `shares` names the scores whose
    means are shares, since all are 0 or 1, and `cut_share` the share of the
    succeeded ones that max_tokens cut short. None is not known."""

    run: str
    started_at: datetime
    state: str
    jobs: int
    failed: int
    error_rate: float | None
    attempts: int
    cost: Decimal | None
    currency: str | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    ttft_p95_s: float | None
    as_expected: float | None
    cut_share: float | None = None
    scores: dict[str, float] = {}
    shares: list[str] = []

    def value(self, figure: str) -> Any:
        """A figure of the run by its name, or a score; None where it has no such one."""
        return getattr(self, figure) if figure in FIGURE_NAMES else self.scores.get(figure)


class FigureHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One figure over all runs that have it: the last beside the median of those before.

    `unit` is money, s, share, or score where it has none. `change` is the relative difference of
    the two; None where there are none before, or it is 0.
    """

    figure: str
    unit: str
    values: list[float | None]
    last: float | None
    median_before: float | None
    change: float | None


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The runs, the oldest first, and the history of each figure. `skipped` are those that can't be
    read, each with the reason."""

    schema_version: int
    runs: list[TrendPoint]
    histories: list[FigureHistory] = msgspec.field(name="courses")
    skipped: dict[str, str]


# A figure of interest only where something was cut.
CUT = "cut_share"


class TrendFigure(NamedTuple):
    """A figure with a history: its name in a point, and the unit that it is shown in."""

    name: str
    unit: str


FIGURES = (
    TrendFigure("cost", "money"),
    TrendFigure("error_rate", "share"),
    TrendFigure("latency_p50_s", "s"),
    TrendFigure("latency_p95_s", "s"),
    TrendFigure("ttft_p95_s", "s"),
    TrendFigure("as_expected", "share"),
    TrendFigure(CUT, "share"),
)
FIGURE_NAMES = frozenset(each.name for each in FIGURES)


def trend_of(directories: Sequence[Path]) -> Trend:
    """Read runs in the order of their start. Raises InputError where none of them can be read."""
    points, skipped = [], {}
    for directory in directories:
        try:
            with reading_tables(directory):
                points.append(_point(open_run(directory)))
        except InputError as error:
            skipped[str(directory)] = error.message
    if not points:
        raise InputError(next(iter(skipped.values()), "name the runs"))
    points.sort(key=lambda each: (each.started_at, each.run))
    return Trend(
        schema_version=TREND_SCHEMA_VERSION,
        runs=points,
        histories=[
            found for each in _figures(points) if (found := _history(each, points)) is not None
        ],
        skipped=skipped,
    )


def _figures(points: Sequence[TrendPoint]) -> list[TrendFigure]:
    """The figures of these runs, their scores last."""
    names = sorted({name for each in points for name in each.scores})
    return [*FIGURES, *(TrendFigure(name, _unit(name, points)) for name in names)]


def _unit(score: str, points: Sequence[TrendPoint]) -> str:
    """Of a score: share where it is right or wrong in all runs that have it."""
    having = [each for each in points if score in each.scores]
    return "share" if all(score in each.shares for each in having) else "score"


def _point(run: Run) -> TrendPoint:
    manifest, last = run.manifest, run.manifest.sessions[-1]
    results = measured_results(run)
    statuses = dict(results.group_by("status").len().collect().iter_rows())
    failed = statuses.get("failed", 0)
    jobs = failed + statuses.get("succeeded", 0)
    spent = run.made.select(
        pl.len().alias("attempts"),
        pl.col("cost").sum(),
        (pl.col("error_kind").is_null() & pl.col("cost").is_null()).sum().alias("unpriced"),
    )
    money = spent.collect().row(0, named=True)
    priced = manifest.currency is not None and not money["unpriced"]
    latency, ttft = pl.col("latency_s"), pl.col("ttft_s")
    good = results.filter(pl.col("status") == "succeeded")
    times = good.select(
        latency.quantile(0.5, interpolation="linear").alias("latency_p50_s"),
        latency.quantile(0.95, interpolation="linear").alias("latency_p95_s"),
        ttft.quantile(0.95, interpolation="linear").alias("ttft_p95_s"),
        (pl.col("finish_reason") == "length").fill_null(False).mean().alias("cut_share"),
    )
    scored = matches(run, results).select(pl.col("score").mean()).collect()
    scores = score_figures(run)
    return TrendPoint(
        run=str(run.directory),
        started_at=manifest.sessions[0].started_at,
        state="crashed" if last.state == "running" and not run.running else last.state,
        jobs=jobs,
        failed=failed,
        error_rate=failed / jobs if jobs else None,
        attempts=money["attempts"],
        cost=strip_zeros(Decimal(money["cost"] or 0)) if priced else None,
        currency=manifest.currency,
        as_expected=scored["score"][0],
        scores={each.name: each.mean for each in scores if each.mean is not None},
        shares=[each.name for each in scores if each.share],
        **times.collect().row(0, named=True),
    )


def _history(figure: TrendFigure, points: Sequence[TrendPoint]) -> FigureHistory | None:
    """The history of a figure; None where no run has it, or costs are in several currencies."""
    found = [each.value(figure.name) for each in points]
    values = [None if each is None else float(each) for each in found]
    known = [each for each in values if each is not None]
    one_currency = len({each.currency for each in points if each.cost is not None}) < 2
    if not known or (figure.unit == "money" and not one_currency):
        return None
    if figure.name == CUT and not any(known):
        return None
    last, before = values[-1], [each for each in values[:-1] if each is not None]
    middle = median(before) if before else None
    change = None if last is None or not middle else last / middle - 1
    return FigureHistory(
        figure=figure.name,
        unit=figure.unit,
        values=values,
        last=last,
        median_before=middle,
        change=change,
    )
