"""Throughput against latency: the curve of a sweep, or of several on one page.

Each point is a load; along a curve it rises. What one user gets falls as all together get more, so
the curve that lies farther to the top (and to the left, or to the right of tokens per user) is the
better service.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import altair as alt

from headrace.jobs import show_seconds

from ..comparison import Step, Steps, last_of_each, load_words, per_user
from .charts import DASHES, INK, SERIES, Chart, data, spec_of, time_unit

TALL = 300
Named = Sequence[tuple[str, Steps]]
# Points of one curve so near to its end that their labels would lie on one another have none.
LABELS_MAX = 8


def tradeoff_charts(named: Named) -> list[Chart]:
    """The curves of sweeps by their names; none where no sweep has two loads with answers."""
    return [*_against_latency(named), *_against_speed(named)]


def _against_latency(named: Named) -> Iterator[Chart]:
    """Answered requests, and goodput where there are objectives, against latency p95."""
    curves = [(name, _known(steps, lambda step: step.latency_p95_s)) for name, steps in named]
    if not any(len(steps) > 1 for _, steps in curves):
        return
    longest_s = max(step.latency_p95_s or 0.0 for _, steps in curves for step in steps)
    unit = time_unit(longest_s)
    rows = [
        {
            "curve": name,
            "figure": figure,
            "load": step.load,
            "asked": load_words(step),
            "x": (step.latency_p95_s or 0.0) / unit.size_s,
            "y": value,
        }
        for name, steps in curves
        for step in steps
        for figure, value in (("answered", step.requests_per_s), ("goodput", step.goodput_per_s))
        if value is not None
    ]
    good = any(row["figure"] == "goodput" for row in rows)
    titles = (f"latency p95, {unit.name}", "requests per second")
    yield Chart(
        name="throughput-by-latency",
        title="Throughput against latency" + (", with goodput" if good else ""),
        alt=_said(curves, "/s answered at a latency p95 of ", _at_latency),
        spec=_drawn(rows, titles, [name for name, _ in curves], dashed=good),
        columns=("curve", "asked", "latency p95", "answered/s", *(["goodput/s"] if good else [])),
        rows=[
            (
                name,
                load_words(step),
                show_seconds(step.latency_p95_s or 0.0),
                _rate(step.requests_per_s),
                *([_rate(step.goodput_per_s)] if good else []),
            )
            for name, steps in curves
            for step in steps
        ],
    )


def _against_speed(named: Named) -> Iterator[Chart]:
    """Output tokens per second in all against those that one user gets."""
    curves = [(name, _known(steps, per_user)) for name, steps in named]
    if not any(len(steps) > 1 for _, steps in curves):
        return
    rows = [
        {
            "curve": name,
            "figure": "answered",
            "load": step.load,
            "asked": load_words(step),
            "x": per_user(step),
            "y": step.output_tokens_per_s,
        }
        for name, steps in curves
        for step in steps
    ]
    titles = ("output tokens per second, one user", "output tokens per second, in all")
    yield Chart(
        name="throughput-by-user",
        title="Throughput in all against speed for one user",
        alt=_said(curves, " tokens per second in all at ", _at_speed),
        spec=_drawn(rows, titles, [name for name, _ in curves], dashed=False),
        columns=("curve", "asked", "tokens/s, one user", "tokens/s, in all"),
        rows=[
            (name, load_words(step), _rate(per_user(step)), _rate(step.output_tokens_per_s))
            for name, steps in curves
            for step in steps
        ],
    )


def _drawn(
    rows: list[dict[str, Any]], titles: tuple[str, str], names: Sequence[str], *, dashed: bool
) -> dict[str, Any]:
    """Curves through their points by load, each point with what was asked; titles of x and y."""
    # From 0 on, so that what hardly varies looks so; with room for what the last point is called.
    room = ROOM * max(row["x"] for row in rows)
    axis = alt.Axis(format=",~r", grid=False, tickCount=8)
    x = alt.X("x:Q", title=titles[0], scale=alt.Scale(domain=[0, room], nice=False), axis=axis)
    y = alt.Y("y:Q", title=titles[1], axis=alt.Axis(format=",~r"))
    several, numbers = len(names) > 1, range(len(names))
    # Curves are told apart by form, too; goodput by a dash of its own.
    colours = alt.Scale(domain=list(names), range=[SERIES[n % len(SERIES)] for n in numbers])
    forms = alt.Scale(domain=list(names), range=[FORMS[n % len(FORMS)] for n in numbers])
    stroke = alt.Legend(symbolType="stroke")
    colour = alt.Color("curve:N", scale=colours, legend=stroke if several else None)
    form = alt.Shape("curve:N", scale=forms, legend=alt.Legend() if several else None)
    kinds = ["answered", "goodput"] if dashed else ["answered"]
    dash = alt.StrokeDash(
        "figure:N",
        scale=alt.Scale(domain=kinds, range=list(DASHES[: len(kinds)])),
        legend=stroke if dashed else None,
    )
    tips = [
        *(["curve:N"] if several else []),
        "asked:N",
        "figure:N",
        alt.Tooltip("x:Q", title=titles[0], format=",.4~r"),
        alt.Tooltip("y:Q", title=titles[1], format=",.4~r"),
    ]
    base = alt.Chart(data(rows))
    lines = base.mark_line().encode(
        x=x, y=y, color=colour, strokeDash=dash, order="load:Q", detail="figure:N", tooltip=tips
    )
    points = base.mark_point(size=60, filled=True, opacity=1).encode(
        x=x, y=y, color=colour, shape=form, tooltip=tips
    )
    labelled = [row for row in rows if row["figure"] == "answered"]
    layers: list[Any] = [lines, points]
    if len(labelled) <= LABELS_MAX * len(names):
        text = alt.Chart(data(labelled)).mark_text(dx=7, dy=-8, align="left", color=INK)
        layers.append(text.encode(x=x, y=y, text="asked:N"))
    return spec_of(alt.layer(*layers), height=TALL)


# How far beyond the last point a curve's axis goes.
ROOM = 1.1
FORMS = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")


def _known(steps: Steps, figure: Callable[[Step], float | None]) -> list[Step]:
    return [
        step
        for step in last_of_each(steps)
        if figure(step) is not None and step.requests_per_s is not None
    ]


def _said(
    curves: Sequence[tuple[str, list[Step]]], between: str, at: Callable[[Step], tuple[str, str]]
) -> str:
    """The ends of each curve, in words."""
    parts = []
    for name, steps in curves:
        if not steps:
            continue
        ends = [steps[0], steps[-1]] if len(steps) > 1 else steps[:1]
        told = "; ".join(f"{load_words(step)}: {between.join(at(step))}" for step in ends)
        parts.append(f"{name}, {told}" if len(curves) > 1 else told)
    return f"{'. '.join(parts)}."


def _at_latency(step: Step) -> tuple[str, str]:
    return _rate(step.requests_per_s), show_seconds(step.latency_p95_s or 0.0)


def _at_speed(step: Step) -> tuple[str, str]:
    return _rate(step.output_tokens_per_s), f"{_rate(per_user(step))} for one user"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"
