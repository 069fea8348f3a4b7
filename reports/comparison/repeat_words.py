"""Repeats of a load test in words: a row for each run, one for each figure over the runs, and what
both come to. The terminal, a page and Markdown show the same."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from headrace.jobs import printable, show_seconds

from ..repeat_runs import SideName
from ..wording import counted
from .repeats import Repeat, RepeatedFigure, Repeats
from .sentences import Time, distance, shown, unsigned_interval
from .step_sentences import Remark, why_words

# The figures that are shown; the others are in the data.
SHOWN = (
    ("failed", "share"),
    ("requests per second", "mean"),
    ("goodput per second", "mean"),
    ("output tokens per second", "mean"),
    *((metric, name) for metric in ("TTFT", "latency") for name in ("p50", "p95", "p99")),
    ("TPOT", "p50"),
    ("TPOT", "p95"),
)
# Whose spread is put into a sentence.
TOLD = (("requests per second", "mean"), ("TTFT", "p95"), ("latency", "p95"))
# The normal distribution's 95 % point.
ONE_SIDED = 1.6449
LETTERS: dict[SideName, str] = {"a": "A", "b": "B"}
RUN_COLUMNS = ("run", "done/s", "errors", "TTFT p95", "latency p95")
FIGURE_COLUMNS = ("mean of runs", "95 % interval", "between", "within")


class RunRow(NamedTuple):
    """One run as texts under RUN_COLUMNS, its verdict where it is not valid, and why."""

    cells: list[str]
    mark: Remark
    why: str


def run_rows(repeats: Repeats, *, time: Time = show_seconds) -> Iterator[RunRow]:
    """A row for each run, in the order in which they were made."""
    for run in repeats.runs:
        mark = "" if run.verdict == "valid" else printable(run.verdict)
        yield RunRow(
            _run_cells(run, time), Remark(mark, "bad" if mark else "plain"), why_words(run)
        )


def _name(run: Repeat) -> str:
    return printable(Path(run.directory).name)


def _run_cells(run: Repeat, time: Time) -> list[str]:
    return [
        _name(run),
        "-" if run.requests_per_s is None else f"{run.requests_per_s:,.4g}",
        "-" if run.error_rate is None else f"{run.error_rate:.1%}",
        "-" if run.ttft_p95_s is None else time(run.ttft_p95_s),
        "-" if run.latency_p95_s is None else time(run.latency_p95_s),
    ]


def figure_rows(repeats: Repeats, side: SideName, *, time: Time = show_seconds) -> list[list[str]]:
    """The figures of a side as texts: their name, and what stands under FIGURE_COLUMNS."""
    found = {(each.metric, each.statistic): each for each in repeats.figures if each.side == side}
    return [_figure_cells(found[name], time) for name in SHOWN if name in found]


def _figure_cells(each: RepeatedFigure, time: Time) -> list[str]:
    interval = "-"
    if each.low is not None and each.high is not None:
        # A share, a rate or a time is not below 0, and a share not above 1, whatever Student's t
        # says of few runs.
        most = 1.0 if each.unit == "share" else math.inf
        ends = max(0.0, each.low), min(each.high, most)
        interval = unsigned_interval(*ends, each.unit, time=time)
    return [
        name_of_figure(each),
        shown(each.mean, each.unit, time=time),
        interval,
        *(
            "-" if size is None else distance(size, each.unit, time=time)
            for size in (each.between, each.within)
        ),
    ]


def name_of_figure(each: RepeatedFigure) -> str:
    """What it is called: "latency p95", "requests per second"."""
    plain = each.statistic == "share" or each.metric.endswith("per second")
    return each.metric if plain else f"{each.metric} {each.statistic}"


def repeat_remarks(repeats: Repeats) -> Iterator[Remark]:
    """How much runs differ and whether chance within them explains it, and why it ended early."""
    for side in repeats.sides:
        about = f"{LETTERS[side]}: " if repeats.against is not None else ""
        runs = repeats.of_side(side)
        if len(runs) < 2:
            yield Remark(f"{about}noise between runs is not known from one run", "doubt")
        for each in repeats.figures:
            if each.side == side and (each.metric, each.statistic) in TOLD:
                yield from _spread(each, about)
    for run in repeats.runs:
        if run.verdict != "valid":
            yield Remark(f"{_name(run)}: {printable(why_words(run))}", "bad")
    for run in repeats.runs:
        if run.warmup_note:
            yield Remark(f"{_name(run)}: {printable(run.warmup_note)}", "doubt")
    if repeats.reason is not None:
        yield Remark(f"ended early: {printable(repeats.reason)}", "bad")


def _spread(each: RepeatedFigure, about: str) -> Iterator[Remark]:
    if each.between is None or not each.mean:
        return
    said = (
        f"{about}{name_of_figure(each)} varies by {each.between / each.mean:.1%} between "
        f"{counted(len(each.values), 'run')}"
    )
    if each.within is None:
        yield Remark(said, "plain")
    elif beyond_chance(each):
        times = f"{each.between / each.within:.1f} times" if each.within else "more than"
        yield Remark(
            f"{said}, {times} what chance within a run explains: a single run misleads", "doubt"
        )
    else:
        yield Remark(f"{said}, no more than chance within a run explains", "plain")


def beyond_chance(each: RepeatedFigure) -> bool:
    """Whether runs differ by more than chance within them explains, at 5 %: their variance beside
    the chi-squared distribution's point (E. Wilson, M. Hilferty, PNAS 17(12), 1931)."""
    if each.between is None or each.within is None:
        return False
    part = 2 / (9 * (len(each.values) - 1))
    limit = (1 - part + ONE_SIDED * math.sqrt(part)) ** 3
    return each.between > math.sqrt(limit) * each.within
