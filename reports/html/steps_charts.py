"""A sweep or a search drawn: times by load, with the knee, and what was answered beside asked."""

from typing import Any

import altair as alt

from headrace.jobs import show_seconds

from ..comparison import Step, Steps, by_load, load_words, mark, outcome_of
from .charts import (
    BAD,
    GOOD,
    LIMIT,
    PAUSE,
    SERIES,
    SOFT,
    Chart,
    TimeUnit,
    data,
    spec_of,
    time_unit,
)
from .limit_lines import limits_on
from .tradeoff_charts import tradeoff_charts

TALL = 280
LINES = (
    ("latency p95", "latency_p95_s"),
    ("latency p50", "latency_p50_s"),
    ("TTFT p95", "ttft_p95_s"),
    ("TTFT p50", "ttft_p50_s"),
)
COLOURS = (SERIES[0], SERIES[0], SERIES[1], SERIES[1])
DASHES = ([1, 0], [3, 3], [1, 0], [3, 3])
# Outcomes as points: told apart by form, too.
POINTS = {
    "met": (GOOD, "circle"),
    "missed": (BAD, "triangle-down"),
    "unclear": (PAUSE, "diamond"),
    "client-limited": (SOFT, "cross"),
    "unknown": (SOFT, "cross"),
}


def steps_charts(steps: Steps) -> list[Chart]:
    """The charts of a sweep or a search; none where nothing was answered."""
    last = list({step.load: step for step in by_load(steps)}.values())
    if not any(step.latency_p95_s is not None for step in last):
        return []
    found = [_times(steps, last)]
    if all(step.rate_per_s is not None for step in last):
        found.append(_answered(last))
    return [*found, *tradeoff_charts([(steps.directory, steps)])]


def _axis(last: list[Step]) -> alt.X:
    title = "users" if last[0].users is not None else "requests asked per second"
    return alt.X(
        "load:Q",
        title=title,
        scale=alt.Scale(zero=False, nice=False, padding=12),
        axis=alt.Axis(grid=False, format=",~r"),
    )


def _times(steps: Steps, last: list[Step]) -> Chart:
    longest_s = max(step.latency_p95_s or 0.0 for step in last)
    unit, x = time_unit(longest_s), _axis(last)
    names = [name for name, field in LINES if any(getattr(each, field) for each in last)]
    kept = [n for n, (name, _) in enumerate(LINES) if name in names]
    rows = [
        {"load": step.load, "figure": name, "time": value / unit.size_s}
        for step in last
        for name, field in LINES
        if (value := getattr(step, field)) is not None
    ]
    scale = alt.Scale(domain=names, range=[COLOURS[n] for n in kept])
    dashes = alt.Scale(domain=names, range=[DASHES[n] for n in kept])
    y = alt.Y("time:Q", title=unit.name, scale=alt.Scale(zero=True))
    lines = (
        alt.Chart(data(rows))
        .mark_line(point={"size": 22, "filled": True})
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "figure:N", scale=scale, legend=alt.Legend(symbolType="stroke", columns=2)
            ),
            strokeDash=alt.StrokeDash("figure:N", scale=dashes, legend=alt.Legend(columns=2)),
            tooltip=[
                alt.Tooltip("load:Q", title="asked", format=",.4~r"),
                "figure:N",
                alt.Tooltip("time:Q", title=unit.name, format=",.4~r"),
            ],
        )
    )
    layers: list[Any] = [lines, *_limits(steps, unit), *_knee(steps), *_outcomes(last, unit)]
    said = "; ".join(
        f"{load_words(step)}: {show_seconds(step.latency_p95_s)}"
        for step in last
        if step.latency_p95_s is not None
    )
    knee = "" if steps.knee is None else f" The dashed line marks the knee, {steps.knee:.4g}."
    points = " Points on the p95 say what became of the objective." if steps.objective else ""
    return Chart(
        name="times-by-load",
        title="Times by load",
        alt=f"Latency p95 by load: {said}.{knee}{points}",
        spec=spec_of(alt.layer(*layers), height=TALL),
        columns=("asked", *(name for name, _ in LINES), "outcome"),
        rows=[
            (load_words(step), *(_shown(getattr(step, f)) for _, f in LINES), mark(steps, step)[0])
            for step in by_load(steps)
        ],
    )


def _limits(steps: Steps, unit: TimeUnit) -> list[Any]:
    """What the objective wants a time to stay below."""
    objectives = [] if steps.objective is None else [steps.objective]
    rows = [
        {"limit": limit / unit.size_s, "words": f"objective: {name} {show_seconds(limit)}"}
        for metric, name in (("latency_s", "latency"), ("ttft_s", "TTFT"))
        for limit in limits_on(metric, objectives)
    ]
    if not rows:
        return []
    base = alt.Chart(data(rows))
    rule = base.mark_rule(color=LIMIT, strokeDash=[6, 3]).encode(y="limit:Q")
    text = base.mark_text(align="left", dx=4, dy=-4, baseline="bottom", color=LIMIT)
    return [rule, text.encode(x=alt.value(0), y="limit:Q", text="words:N")]


def _knee(steps: Steps) -> list[Any]:
    if steps.knee is None:
        return []
    base = alt.Chart(data([{"load": steps.knee, "words": f"knee, {steps.knee:.4g}"}]))
    rule = base.mark_rule(color=SOFT, strokeDash=[2, 3], strokeWidth=1.5).encode(x="load:Q")
    text = base.mark_text(align="left", dx=5, baseline="top", color=SOFT)
    return [rule, text.encode(x="load:Q", y=alt.value(2), text="words:N")]


def _outcomes(last: list[Step], unit: TimeUnit) -> list[Any]:
    """What became of each load, on its line; shorter tries before stand in the table."""
    rows = [
        {"load": step.load, "time": step.latency_p95_s / unit.size_s, "outcome": outcome}
        for step in last
        if (outcome := outcome_of(step)) is not None and step.latency_p95_s is not None
    ]
    if not rows:
        return []
    there = [name for name in POINTS if any(row["outcome"] == name for row in rows)]
    colours = alt.Scale(domain=there, range=[POINTS[name][0] for name in there])
    forms = alt.Scale(domain=there, range=[POINTS[name][1] for name in there])
    points = alt.Chart(data(rows)).mark_point(size=90, filled=True, opacity=0.9)
    drawn = points.encode(
        x="load:Q",
        y="time:Q",
        fill=alt.Fill("outcome:N", scale=colours, legend=alt.Legend(orient="bottom")),
        shape=alt.Shape("outcome:N", scale=forms, legend=alt.Legend(orient="bottom")),
        tooltip=[alt.Tooltip("load:Q", title="asked", format=",.4~r"), "outcome:N"],
    )
    return [drawn]


def _answered(last: list[Step]) -> Chart:
    x = _axis(last)
    rows = [
        {"load": step.load, "answered": step.requests_per_s}
        for step in last
        if step.requests_per_s is not None
    ]
    even = [{"load": step.load, "answered": step.load} for step in (last[0], last[-1])]
    y = alt.Y("answered:Q", title="answered per second", axis=alt.Axis(format=",~r"))
    tips = [
        alt.Tooltip("load:Q", title="asked per second", format=",.4~r"),
        alt.Tooltip("answered:Q", title="answered per second", format=",.4~r"),
    ]
    line = alt.Chart(data(rows)).mark_line(
        color=SERIES[2], point={"size": 30, "filled": True, "color": SERIES[2]}
    )
    ideal = alt.Chart(data(even)).mark_line(color=SOFT, strokeDash=[4, 4], strokeWidth=1)
    layers = alt.layer(ideal.encode(x=x, y=y), line.encode(x=x, y=y, tooltip=tips))
    return Chart(
        name="answered-by-load",
        title="Answered beside asked",
        alt=(
            "Requests answered per second by those asked for; on the dashed line all that was "
            "asked for was answered."
        ),
        spec=spec_of(layers, height=TALL),
        columns=("asked", "answered per second"),
        rows=[(load_words(step), _rate(step.requests_per_s)) for step in last],
    )


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else show_seconds(seconds)


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:,.4g}"
