"""Runs over time as one page: each figure's history on a chart, and a row for each run."""

from pathlib import Path

import altair as alt

from headrace.jobs import printable

from ..comparison import (
    FigureHistory,
    Trend,
    TrendPoint,
    history_change,
    history_figure,
    history_name,
)
from ..output import write_whole
from ..wording import counted
from .charts import PAUSE, SERIES, SOFT, Chart, data, spec_of, time_unit
from .page import drawn_page

SMALL = 170


def trend_page(trend: Trend) -> str:
    """The page. The same runs give the same page."""
    charts = trend_charts(trend)
    names = [each.figure for each in trend.histories]
    return drawn_page(
        "trend.html.jinja",
        charts,
        title=f"{len(trend.runs):,} runs: trend",
        trend=trend,
        charts=charts,
        changes=[
            {
                "name": history_name(each.figure),
                "last": history_figure(each, each.last),
                "before": history_figure(each, each.median_before),
                "change": history_change(each),
            }
            for each in trend.histories
        ],
        columns=[history_name(name) for name in names],
        rows=[
            {
                "run": printable(Path(run.run).name),
                "started_at": run.started_at,
                "state": run.state,
                "jobs": run.jobs,
                "cells": [history_figure(each, run.value(each.figure)) for each in trend.histories],
            }
            for run in trend.runs
        ],
    )


def trend_charts(trend: Trend) -> list[Chart]:
    """A chart for each figure that has a history."""
    return [_chart(trend, each) for each in trend.histories]


def write_trend_page(trend: Trend, path: Path) -> None:
    """Write the page, whole or not at all. Raises InputError where it can't be written."""
    write_whole(path, trend_page(trend).encode("utf-8", "replace"))


def _chart(trend: Trend, history: FigureHistory) -> Chart:
    name = history_name(history.figure)
    known = [each for each in history.values if each is not None]
    size, title, form = _scale(trend, history.unit, max(known))
    rows = [
        {
            "n": n,
            "value": value / size,
            "run": printable(Path(run.run).name),
            "started": f"{run.started_at:%Y-%m-%d %H:%M}",
            "finished": run.state == "finished",
        }
        for n, (run, value) in enumerate(zip(trend.runs, history.values, strict=True))
        if value is not None
    ]
    starts = [f"{run.started_at:%m-%d %H:%M}" for run in trend.runs]
    x = alt.X(
        "n:Q",
        title="run, by its start",
        scale=alt.Scale(domain=[0, max(1, len(trend.runs) - 1)], nice=False, padding=14),
        axis=alt.Axis(
            grid=False,
            values=list(range(len(trend.runs))),
            labelExpr=f"{starts!r}[datum.value]".replace('"', "'"),
        ),
    )
    y = alt.Y(
        "value:Q",
        title=title,
        scale=alt.Scale(domain=[0, max(known) / size or 1.0]),
        axis=alt.Axis(format=form, tickCount=4),
    )
    base = alt.Chart(data(rows))
    tips = ["run:N", "started:N", alt.Tooltip("value:Q", title=title, format=form)]
    shade = alt.condition("datum.finished", alt.value(SERIES[0]), alt.value(PAUSE))
    layers = [
        base.mark_line(color=SERIES[0]).encode(x=x, y=y),
        base.mark_point(filled=True, size=50, opacity=1).encode(
            x=x, y=y, color=shade, tooltip=tips
        ),
    ]
    last = history_figure(history, history.last)
    said = f"{name} of {counted(len(rows), 'run')}" + (
        "" if history.last is None else f"; the last: {last}"
    )
    if history.median_before is not None:
        middle = alt.Chart(data([{"value": history.median_before / size}]))
        layers.append(middle.mark_rule(color=SOFT, strokeDash=[5, 4]).encode(y="value:Q"))
        said += (
            f"; dashed, the median of those before: "
            f"{history_figure(history, history.median_before)}"
        )
    return Chart(
        name=history.figure.replace("_", "-"),
        title=name[:1].upper() + name[1:],
        alt=f"{said[:1].upper()}{said[1:]}.",
        spec=spec_of(alt.layer(*layers), height=SMALL),
        columns=("run", "started", name),
        rows=[
            (
                printable(Path(run.run).name),
                f"{run.started_at:%Y-%m-%d %H:%M}",
                history_figure(history, _value(run, history.figure)),
            )
            for run in trend.runs
        ],
    )


def _value(run: TrendPoint, name: str) -> float | None:
    value = run.value(name)
    return None if value is None else float(value)


def _scale(trend: Trend, unit: str, most: float) -> tuple[float, str, str]:
    """What values are divided by, the axis's title, and the format of its numbers."""
    if unit == "s":
        found = time_unit(most)
        return found.size_s, found.name, ",~r"
    if unit == "share":
        return 1.0, "share", ".1~%"
    if unit == "score":
        return 1.0, "score", ",~r"
    currencies = {run.currency for run in trend.runs if run.cost is not None}
    return 1.0, str(next(iter(currencies), "")), ",~r"
