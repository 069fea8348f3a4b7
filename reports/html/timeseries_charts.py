"""The run over its time at work: latency and errors, use of the limits, attempts in flight."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt
import polars as pl

from headrace.jobs import show_seconds

from ..figures import ConcurrencyFigures, Summary
from ..wording import counted
from .charts import (
    BAD,
    LIMIT,
    PAUSE,
    SERIES,
    SOFT,
    Chart,
    TimeUnit,
    data,
    spec_of,
    time_axis_unit,
    time_unit,
)
from .timeseries import TimeSeries

SMALL = 150


class Per(NamedTuple):
    """What a rate is per."""

    name: str
    size_s: float


# From here on an axis's labels would run into its title.
WIDEST = 1_000_000
SECOND, MINUTE = Per("second", 1.0), Per("minute", 60.0)


def time_series_charts(series: TimeSeries, summary: Summary) -> list[Chart]:
    """The charts over time; none for a run that sent nothing."""
    if not series.bins["requests"].sum():
        return []
    found = (
        [_latency(series, load=summary.run.kind == "load")]
        if series.bins["p50"].null_count() < len(series.bins)
        else []
    )
    uses = summary.limits.uses
    # What is drawn is all that left: one lane's limit is nothing to hold it against.
    alone = len({(use.service, use.model) for use in uses}) == 1
    limits = {use.what: use.limit for use in uses} if alone else {}
    per = SECOND if summary.run.kind == "load" and not any(limits.values()) else MINUTE
    found += [_rate(series, what, limits.get(what), per) for what in ("requests", "tokens")]
    # What a load run may have in flight is this machine's bound, and no figure of the run.
    concurrency = None if summary.run.kind == "load" else summary.limits.concurrency
    return [*found, _in_flight(series, concurrency)]


def _axis(series: TimeSeries) -> tuple[TimeUnit, alt.X]:
    unit = time_axis_unit(series.timeline.span_s)
    title = (
        f"{unit.name} at work"
        if len(series.timeline.starts) > 1
        else f"{unit.name} since the start"
    )
    domain = [0, len(series.bins) * series.timeline.width_s / unit.size_s]
    return unit, alt.X(
        "at:Q",
        title=title,
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(grid=False, format=",~r"),
    )


def _sessions(series: TimeSeries, unit: TimeUnit) -> list[alt.Chart]:
    """A line where a further session begins."""
    begins = [{"at": begin / unit.size_s} for begin in series.timeline.begins_s[1:]]
    if not begins:
        return []
    mark = alt.Chart(data(begins)).mark_rule(color=SOFT, strokeDash=[1, 3])
    return [mark.encode(x="at:Q")]


def _latency(series: TimeSeries, *, load: bool) -> Chart:
    unit, x = _axis(series)
    bins = series.bins
    times = time_unit(float(bins["p95"].max() or 0))  # type: ignore[arg-type]
    rows = [
        {"at": at / unit.size_s, "p50": p50 / times.size_s, "p95": p95 / times.size_s}
        if p50 is not None
        else {"at": at / unit.size_s, "p50": None, "p95": None}
        for at, p50, p95 in bins.select("at_s", "p50", "p95").iter_rows()
    ]
    base = alt.Chart(data(rows))
    y = alt.Y("p50:Q", title=f"latency, {times.name}", scale=alt.Scale(zero=True))
    tips = [
        alt.Tooltip("p50:Q", title=f"median, {times.name}", format=",.4~r"),
        alt.Tooltip("p95:Q", title=f"95 of 100 within, {times.name}", format=",.4~r"),
    ]
    pauses = [
        {"from": pause.from_s / unit.size_s, "to": pause.to_s / unit.size_s}
        for pause in series.cool_downs
        if not load  # which heeds no cool-down
    ]
    layers: list[Any] = []
    if pauses:
        shade = alt.Chart(data(pauses)).mark_rect(color=PAUSE, opacity=0.35)
        layers.append(shade.encode(x=alt.X("from:Q"), x2="to:Q"))
    layers += [
        base.mark_area(opacity=0.25).encode(x=x, y=y, y2="p95:Q", tooltip=tips),
        base.mark_line(point={"size": 12, "filled": True}).encode(x=x, y=y, tooltip=tips),
        *_sessions(series, unit),
    ]
    width_s = series.timeline.width_s
    errors = [
        {"at": (at + width_s / 2) / unit.size_s, "error": error, "attempts": attempts}
        for at, error, attempts in series.errors.iter_rows()
    ]
    if errors:
        marks = alt.Chart(data(errors)).mark_point(
            shape="triangle-up", color=BAD, filled=True, opacity=0.9
        )
        layers.append(
            marks.encode(
                x="at:Q",
                y=alt.value(213),
                size=alt.Size("attempts:Q", legend=None, scale=alt.Scale(range=[30, 160])),
                tooltip=["error:N", alt.Tooltip("attempts:Q", format=",")],
            )
        )
    failed = int(series.errors["attempts"].sum()) if len(series.errors) else 0
    marked = f"; triangles are {counted(failed, 'failed attempt')}" if failed else ""
    marked += f"; shaded: {counted(len(pauses), 'cool-down')}" if pauses else ""
    return Chart(
        name="latency-over-time",
        title="Latency over time",
        alt=(
            f"The median of each {show_seconds(width_s)} as a line, the band above it up to the "
            f"95th percentile{marked}."
        ),
        spec=spec_of(alt.layer(*layers)),
        columns=("from", "median", "95th percentile", "failed attempts"),
        rows=_latency_rows(series),
    )


def _latency_rows(series: TimeSeries) -> list[Sequence[str]]:
    failed = series.errors.group_by("at_s").agg(pl.col("attempts").sum())
    rows = series.bins.join(failed, on="at_s", how="left").sort("at_s")
    return [
        (
            _clock(at_s),
            "-" if p50 is None else show_seconds(p50),
            "-" if p95 is None else show_seconds(p95),
            f"{attempts or 0:,}",
        )
        for at_s, p50, p95, attempts in rows.select("at_s", "p50", "p95", "attempts").iter_rows()
    ]


def _clock(seconds: float) -> str:
    """A moment of the run, as h:mm:ss."""
    whole = int(seconds)
    tenths = f".{round(seconds * 10) % 10}" if round(seconds, 3) != whole else ""
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}{tenths}"


def _figure(rate: float) -> str:
    """A rate with three digits where it is small, else to the whole number."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _axis_format(most: float) -> str:
    """Of an axis's labels; from seven digits on in millions, which fit beside its title."""
    if most < 10:
        return "~r"
    return ",.0f" if most < WIDEST else "~s"


def _rate(series: TimeSeries, what: str, limit: float | None, per: Per) -> Chart:
    unit, x = _axis(series)
    width_s = series.timeline.width_s
    rates = [
        (at_s, count * per.size_s / width_s)
        for at_s, count in series.bins.select("at_s", what).iter_rows()
    ]
    most = max(rate for _, rate in rates)
    # The last bin's end, so that the step is as wide as the others.
    rows = [{"at": at_s / unit.size_s, "rate": rate} for at_s, rate in rates]
    rows.append({"at": (rates[-1][0] + width_s) / unit.size_s, "rate": rates[-1][1]})
    colour = SERIES[0] if what == "requests" else SERIES[2]
    tips = [alt.Tooltip("rate:Q", title=f"{what} per {per.name}", format=",.0f")]
    area = alt.Chart(data(rows)).mark_area(
        interpolate="step-after",
        opacity=0.3,
        color=colour,
        line={"color": colour, "strokeWidth": 1.5},
    )
    y = alt.Y(
        "rate:Q",
        title=f"{what} per {per.name}",
        axis=alt.Axis(format=_axis_format(most), tickCount=4),
    )
    layers: list[Any] = [area.encode(x=x, y=y, tooltip=tips), *_sessions(series, unit)]
    words = f"at most {_figure(most)} per {per.name} in a bin of {show_seconds(width_s)}"
    if limit is not None:
        line = alt.Chart(data([{"limit": limit, "words": f"limit {limit:,.0f}"}]))
        layers.append(line.mark_rule(color=LIMIT, strokeDash=[6, 3]).encode(y="limit:Q"))
        text = line.mark_text(align="right", dy=-6, color=LIMIT, baseline="bottom")
        layers.append(text.encode(y="limit:Q", x=alt.value("width"), text="words:N"))
        words += f"; the limit is {limit:,.0f}"
    return Chart(
        name=f"{what}-a-{per.name}",
        title=f"{what.capitalize()} per {per.name}",
        alt=f"{what.capitalize()} per {per.name} over time: {words}.",
        spec=spec_of(alt.layer(*layers), height=SMALL),
        columns=("from", f"{what} per {per.name}"),
        rows=[(_clock(at_s), _figure(rate)) for at_s, rate in rates],
    )


def _in_flight(series: TimeSeries, concurrency: ConcurrencyFigures | None) -> Chart:
    unit, x = _axis(series)
    points = list(series.bins.select("at_s", "in_flight").iter_rows())
    rows = [{"at": at_s / unit.size_s, "attempts": count} for at_s, count in points]
    rows.append(
        {"at": (points[-1][0] + series.timeline.width_s) / unit.size_s, "attempts": points[-1][1]}
    )
    area = alt.Chart(data(rows)).mark_area(
        interpolate="step-after",
        opacity=0.3,
        color=SERIES[3],
        line={"color": SERIES[3], "strokeWidth": 1.5},
    )
    most = max(count for _, count in points)
    y = alt.Y("attempts:Q", title="peak", axis=alt.Axis(tickCount=4, format=",.0f", tickMinStep=1))
    tips = [alt.Tooltip("attempts:Q", title="in flight", format=",")]
    layers: list[Any] = [area.encode(x=x, y=y, tooltip=tips), *_sessions(series, unit)]
    words = f"Peak of attempts in flight in each bin: at most {most:,}"
    if concurrency is not None and concurrency.points:
        allowed = [
            {
                "at": min(series.timeline.seconds(point.at), series.timeline.span_s) / unit.size_s,
                "limit": point.limit,
            }
            for point in concurrency.points
        ]
        line = alt.Chart(data(allowed)).mark_line(
            interpolate="step-after", color=LIMIT, strokeDash=[6, 3], strokeWidth=1.5
        )
        layers.append(line.encode(x="at:Q", y="limit:Q"))
        how = "set" if concurrency.fixed is not None else "found by the run"
        words += (
            f"; dashed, how many might have been ({how}): {concurrency.start:,} at the start, "
            f"peak {concurrency.highest:,}, {concurrency.end:,} at the end"
        )
    if series.endless:
        words += (
            f". Of {counted(series.endless, 'attempt')} no end is recorded (lost, cancelled, or "
            "failed before a byte came back): counted only when sent"
        )
    return Chart(
        name="in-flight",
        title="Attempts in flight",
        alt=f"{words}.",
        spec=spec_of(alt.layer(*layers), height=SMALL),
        columns=("from", "peak in flight"),
        rows=[(_clock(at_s), f"{count:,}") for at_s, count in points],
    )
