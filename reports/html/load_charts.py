"""A load run over its time: TTFT, or latency where nothing is streamed, beside what was asked."""

from typing import Any

import altair as alt

from headrace.jobs import show_seconds

from ..load import LoadFigures, TimeSlices
from .charts import LIMIT, PAUSE, SERIES, SOFT, Chart, data, spec_of, time_axis_unit, time_unit
from .limit_lines import limits_on

HIGH = 240
NAMES = {"ttft": "TTFT", "latency": "Latency"}


def load_charts(figures: LoadFigures) -> list[Chart]:
    """The chart of the time that matters first; none where nothing was answered."""
    slices = figures.slices
    if slices is None:
        return []
    for metric in NAMES:
        if any(getattr(each, f"{metric}_p50_s") is not None for each in slices.slices):
            return [_over_time(figures, slices, metric)]
    return []


def _over_time(figures: LoadFigures, slices: TimeSlices, metric: str) -> Chart:
    name, found = NAMES[metric], slices.slices
    limits = limits_on(f"{metric}_s", figures.facts.objectives)
    longest_s = max(getattr(each, f"{metric}_p95_s") or 0.0 for each in found)
    unit = time_unit(max([longest_s, *limits]))
    begin_s = min(0.0, found[0].at_s)
    end_s = found[-1].at_s + slices.width_s
    axis_unit = time_axis_unit(end_s - begin_s)
    rows = [
        {
            "at": (each.at_s + slices.width_s / 2) / axis_unit.size_s,
            "p50": _in(getattr(each, f"{metric}_p50_s"), unit.size_s),
            "p95": _in(getattr(each, f"{metric}_p95_s"), unit.size_s),
            "due": each.due,
            "failed": each.failed,
        }
        for each in found
    ]
    x = alt.X(
        "at:Q",
        title=f"{axis_unit.name} since measuring began",
        scale=alt.Scale(domain=[begin_s / axis_unit.size_s, end_s / axis_unit.size_s], nice=False),
        axis=alt.Axis(grid=False, format=",~r"),
    )
    y = alt.Y("p50:Q", title=f"{name}, {unit.name}", scale=alt.Scale(zero=True))
    tips = [
        alt.Tooltip("p50:Q", title=f"median, {unit.name}", format=",.4~r"),
        alt.Tooltip("p95:Q", title=f"p95, {unit.name}", format=",.4~r"),
        alt.Tooltip("due:Q", title="requests due", format=","),
        alt.Tooltip("failed:Q", title="failed", format=","),
    ]
    base = alt.Chart(data(rows))
    layers: list[Any] = [
        *_warm_up(begin_s / axis_unit.size_s),
        base.mark_area(opacity=0.25).encode(x=x, y=y, y2="p95:Q", tooltip=tips),
        base.mark_line(color=SERIES[0], point={"size": 12, "filled": True}).encode(
            x=x, y=y, tooltip=tips
        ),
        *_limits(limits, unit.size_s),
    ]
    said = f"The median of each {show_seconds(slices.width_s)} as a line, the band up to the p95"
    if limits:
        said += f"; dashed, the objective of {' and '.join(map(show_seconds, limits))}"
    if begin_s < 0:
        said += f"; shaded, the {show_seconds(-begin_s)} of warm-up, in no figure"
    return Chart(
        name=f"{metric}-by-due",
        title=f"{name} over time",
        alt=f"{said}.",
        spec=spec_of(alt.layer(*layers), height=HIGH),
        columns=("from", "due", "failed", "median", "95th percentile"),
        rows=[
            (
                ("-" if each.at_s < 0 else "") + show_seconds(abs(each.at_s)),
                f"{each.due:,}",
                f"{each.failed:,}",
                _shown(getattr(each, f"{metric}_p50_s")),
                _shown(getattr(each, f"{metric}_p95_s")),
            )
            for each in found
        ],
    )


def _warm_up(begin: float) -> list[Any]:
    if begin >= 0:
        return []
    base = alt.Chart(data([{"from": begin, "to": 0, "words": "warm-up"}]))
    shade = base.mark_rect(color=PAUSE, opacity=0.18).encode(x="from:Q", x2="to:Q")
    text = base.mark_text(align="left", dx=4, baseline="top", color=SOFT)
    return [shade, text.encode(x="from:Q", y=alt.value(4), text="words:N")]


def _limits(limits: list[float], size_s: float) -> list[Any]:
    if not limits:
        return []
    rows = [{"limit": each / size_s, "words": f"objective {show_seconds(each)}"} for each in limits]
    base = alt.Chart(data(rows))
    rule = base.mark_rule(color=LIMIT, strokeDash=[6, 3], strokeWidth=1.5).encode(y="limit:Q")
    text = base.mark_text(align="right", dx=-4, dy=-4, baseline="bottom", color=LIMIT)
    return [rule, text.encode(x=alt.value("width"), y="limit:Q", text="words:N")]


def _in(seconds: float | None, size_s: float) -> float | None:
    return None if seconds is None else seconds / size_s


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else show_seconds(seconds)
