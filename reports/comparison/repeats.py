"""A load test made several times, or on two services in turn: each figure over the runs, with how
far they differ between them, and how far chance within a run explains that."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from headrace.jobs import InputError

from ..figures import data_json
from ..objectives import GateReport, Judgement, judgement_words
from ..output import write_whole
from ..repeat_runs import SideName
from ..run import open_run
from ..run_series import REPEATS_FILE, read_series
from ..uncertainty import mean_of_few
from .compare import Comparison
from .interval import LEVEL
from .run_figures import RunFigure
from .several import by_name, compare_opened
from .spread_between import spread_between
from .steps import Step, read_step

REPEATS_SCHEMA_VERSION = 1
# What figures and scores are called: nothing that a terminal or Markdown would obey.
NAME = re.compile(r"[A-Za-z0-9_., -]{1,200}")


class Repeat(Step, frozen=True, kw_only=True):
    """One run of them, of the service `a` (--base-url) or `b` (--against)."""

    side: SideName


class RepeatedFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of all runs of a side: its value in each, their mean, and its 95 % interval (None
    of one run). `between` is the standard deviation of the values; `within` what of it chance
    inside a run explains, the standard error of one run's figure: None where it is not known."""

    side: SideName
    metric: str
    statistic: str
    unit: str
    values: list[float]
    mean: float
    low: float | None
    high: float | None
    between: float | None
    within: float | None


class JudgedObjective(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an objective over the runs of A: its `result`, whether it counts as `met`, and
    its figures in `words`."""

    objective: str
    result: Literal["met", "not met", "unclear", "not valid"]
    met: bool
    words: str


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """All runs in the order in which they were made, and each figure over them.

    `repeats` of each service were asked for. `comparison` is B beside A, None without `against`.
    `gate` is the judgement of all of A's runs by what they must meet, as `headrace gate --json` has
    it, None without, and `judged` the same in words. `reason` says why it ended early.
    """

    schema_version: int
    directory: str
    started_at: datetime
    repeats: int
    base_url: str
    against: str | None
    runs: list[Repeat]
    figures: list[RepeatedFigure]
    comparison: Comparison | None = None
    judged: list[JudgedObjective] = []
    gate: Any = None  # of a file as it stands there
    reason: str | None = None

    def of_side(self, side: SideName) -> list[Repeat]:
        """The runs of one service."""
        return [each for each in self.runs if each.side == side]

    @property
    def sides(self) -> list[SideName]:
        """Of which there are runs."""
        every: tuple[SideName, SideName] = ("a", "b")
        return [side for side in every if self.of_side(side)]


class RepeatsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for: where the runs go, how many of each service, and which these are."""

    directory: str
    started_at: datetime
    repeats: int
    base_url: str
    against: str | None


def read_repeat(directory: Path, side: SideName) -> Repeat:
    """A load run as one of several.

    Args:
        directory: the load run.
        side: of which service it is.

    Raises:
        InputError: it is not a run, or can't be read.
    """
    step = read_step(directory, None, size=1.0)
    fields = {name: getattr(step, name) for name in step.__struct_fields__}
    return Repeat(side=side, **fields)


def repeats_report(
    asked: RepeatsAsked,
    runs: Sequence[Repeat],
    *,
    gate: GateReport | None = None,
    reason: str | None = None,
) -> Repeats:
    """The report over all runs.

    Args:
        asked: what was asked for.
        runs: in the order in which they were made.
        gate: how A's runs were judged.
        reason: why it ended early.

    Raises:
        InputError: a run can't be read any more.
    """
    opened = {
        side: [open_run(Path(run.directory)) for run in runs if run.side == side]
        for side in ("a", "b")
    }
    measured = {side: by_name(found) for side, found in opened.items() if found}
    comparison = None
    if opened["a"] and opened["b"]:
        comparison = compare_opened(opened["a"], opened["b"])
    return Repeats(
        schema_version=REPEATS_SCHEMA_VERSION,
        **msgspec.structs.asdict(asked),
        runs=list(runs),
        figures=[
            _over_runs(side, values)  # type: ignore[arg-type]
            for side, figures in measured.items()
            for values in figures.values()
        ],
        comparison=comparison,
        judged=[] if gate is None else [_judged(each) for each in gate.objectives],
        gate=gate,
        reason=reason,
    )


def _judged(each: Judgement) -> JudgedObjective:
    result: Literal["met", "not met", "unclear", "not valid"] = "met" if each.met else "not met"
    words = judgement_words(each)
    if each.depends_on_client:
        result = "not valid"
    elif each.outcome == "unclear":
        result = "unclear"
        words += f"; counts as {'met' if each.met else 'not met'}"
    return JudgedObjective(
        objective=each.objective,
        result=result,
        met=each.met and not each.depends_on_client,
        words=words,
    )


def _over_runs(side: SideName, figures: list[RunFigure]) -> RepeatedFigure:
    found = spread_between(figures)
    low, high = mean_of_few(found.side, level=LEVEL)
    return RepeatedFigure(
        side=side,
        metric=figures[0].metric,
        statistic=figures[0].statistic,
        unit=figures[0].unit,
        values=list(found.side.values),
        mean=found.side.mean,
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
        between=found.between,
        within=found.within,
    )


def repeats_json(report: Repeats) -> bytes:
    """The report as indented JSON, with a line end."""
    return data_json(report)


def read_repeats(directory: Path) -> Repeats:
    """The report that repeats left, over the runs that were made by then.

    Raises InputError where its repeats.json can't be read.
    """
    report = read_series(directory / REPEATS_FILE, Repeats)
    names = [f"{each.metric} {each.statistic}" for each in report.figures]
    if report.comparison is not None:
        names += [f"{each.metric} {each.statistic}" for each in report.comparison.differences]
    for name in names:
        if not NAME.fullmatch(name):
            raise InputError(f"{directory / REPEATS_FILE} is damaged: a figure has no such name")
    return msgspec.structs.replace(report, directory=str(directory))


def write_repeats(report: Repeats, directory: Path) -> None:
    """Write the report, whole or not at all.

    Args:
        report: over all runs.
        directory: of them all.

    Raises:
        InputError: it can't be written.
    """
    write_whole(directory / REPEATS_FILE, repeats_json(report))
