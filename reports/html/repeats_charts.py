"""Repeats drawn: a figure of each run in their order, with what chance within a run explains."""

from collections.abc import Sequence

import altair as alt

from headrace.jobs import show_seconds

from ..comparison import LETTERS, TOLD, RepeatedFigure, Repeats, name_of_figure
from .charts import SERIES, SOFT, Chart, TimeUnit, data, spec_of, time_unit

HIGH = 190
COLOURS = {"a": SERIES[0], "b": SERIES[1]}
FORMS = {"a": "circle", "b": "diamond"}
# Standard errors to the ends of a 95 % interval.
REACH = 1.96


def repeats_charts(repeats: Repeats) -> list[Chart]:
    """A chart for each figure that is looked at first; none of a single run."""
    if len(repeats.runs) < 2:
        return []
    found = []
    for metric, statistic in TOLD:
        sides = [
            each for each in repeats.figures if (each.metric, each.statistic) == (metric, statistic)
        ]
        if sides:
            found.append(_chart(repeats, sides))
    return found


def _chart(repeats: Repeats, sides: Sequence[RepeatedFigure]) -> Chart:
    name, two = name_of_figure(sides[0]), repeats.against is not None
    unit = TimeUnit(name, 1.0)
    if sides[0].unit == "s":
        unit = time_unit(max(max(each.values) for each in sides))
    points = sorted(
        (
            (number, each, value)
            for each in sides
            for number, value in zip(_numbers(repeats, each), each.values, strict=True)
        ),
        key=lambda point: point[0],
    )
    rows = [
        {
            "run": number,
            "service": LETTERS[each.side],
            "value": value / unit.size_s,
            "low": max(0.0, value - REACH * (each.within or 0.0)) / unit.size_s,
            "high": (value + REACH * (each.within or 0.0)) / unit.size_s,
        }
        for number, each, value in points
    ]
    x = alt.X("run:O", title="run", axis=alt.Axis(labelAngle=0))
    y = alt.Y("value:Q", title=unit.name, scale=alt.Scale(zero=True))
    there = [each.side for each in sides]
    letters = [LETTERS[side] for side in there]
    legend = alt.Legend(symbolType="circle") if two else None
    colour = alt.Color(
        "service:N",
        scale=alt.Scale(domain=letters, range=[COLOURS[side] for side in there]),
        legend=legend,
    )
    form = alt.Shape(
        "service:N",
        scale=alt.Scale(domain=letters, range=[FORMS[side] for side in there]),
        legend=alt.Legend() if two else None,
    )
    base = alt.Chart(data(rows))
    bars = base.mark_rule(strokeWidth=2, color=SOFT, opacity=0.7).encode(
        x=x, y="low:Q", y2="high:Q"
    )
    marks = base.mark_point(size=80, filled=True, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        shape=form,
        tooltip=["run:O", "service:N", alt.Tooltip("value:Q", title=unit.name, format=",.4~r")],
    )
    layers = [bars, marks] if any(each.within for each in sides) else [marks]
    said = "; ".join(f"run {number}: {_shown(value, each.unit)}" for number, each, value in points)
    words = " The bars are what chance within a run explains." if len(layers) > 1 else ""
    return Chart(
        name=f"{name.lower().replace(' ', '-')}-by-run",
        title=name[0].upper() + name[1:],
        alt=f"{said}.{words}",
        spec=spec_of(alt.layer(*layers), height=HIGH),
        columns=("run", *(["service"] if two else []), name),
        rows=[
            (
                str(number),
                *([LETTERS[each.side]] if two else []),
                _shown(value, each.unit),
            )
            for number, each, value in points
        ],
    )


def _numbers(repeats: Repeats, figure: RepeatedFigure) -> list[int]:
    """The places of a side's runs in the order in which all were made, from 1."""
    return [n for n, run in enumerate(repeats.runs, 1) if run.side == figure.side]


def _shown(value: float, unit: str) -> str:
    return show_seconds(value) if unit == "s" else f"{value:,.4g}"
