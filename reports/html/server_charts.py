"""The server's own figures over a load run's time, on the axis of the client's chart."""

from collections.abc import Iterator
from typing import Any

import altair as alt
import msgspec

from headrace.jobs import show_seconds

from ..load import LoadFigures, ServerSeries
from .charts import DASHES, SERIES, Chart, TimeUnit, data, spec_of, time_axis_unit

HIGH = 150
# Of the figures that are drawn alone: title, unit on the axis, its format and what one has to be
# multiplied by.
ALONE: dict[str, tuple[str, str, str, float]] = {
    "kv_cache": ("Server: KV cache", "% full", ",.0f", 100.0),
    "output_tokens": ("Server: output tokens per second", "tokens/s", ",~r", 1.0),
    "input_tokens": ("Server: input tokens per second", "tokens/s", ",~r", 1.0),
    "preemptions": ("Server: preemptions per second", "per second", "~r", 1.0),
}
# From so much on an axis's labels are in millions, which fit beside its title.
WIDEST = 1_000_000
REQUESTS = ("running", "waiting")


def server_charts(figures: LoadFigures) -> list[Chart]:
    """Requests in the server, its KV cache and its tokens: what it said of these."""
    slices = figures.slices
    if slices is None or not slices.slices:
        return []
    begin_s = min(0.0, slices.slices[0].at_s)
    end_s = slices.slices[-1].at_s + slices.width_s
    found = [_within(each, begin_s, end_s) for each in figures.server]
    return list(_charts([each for each in found if each.points], begin_s, end_s))


def _within(series: ServerSeries, begin_s: float, end_s: float) -> ServerSeries:
    """What lies on the client's axis: readings continue until the last answer is in."""
    points = [each for each in series.points if begin_s <= each.at_s <= end_s]
    return msgspec.structs.replace(series, points=points)


def _charts(found: list[ServerSeries], begin_s: float, end_s: float) -> Iterator[Chart]:
    by_what = {str(each.what): each for each in found}
    requests = [by_what[what] for what in REQUESTS if what in by_what]
    unit = time_axis_unit(end_s - begin_s)
    x = alt.X(
        "at:Q",
        title=f"{unit.name} since measuring began",
        scale=alt.Scale(domain=[begin_s / unit.size_s, end_s / unit.size_s], nice=False),
        axis=alt.Axis(grid=False, format=",~r"),
    )
    if requests:
        yield _requests(requests, unit, x)
    for what in ALONE:
        each = by_what.get(what)
        if each is not None and (what != "preemptions" or each.peak):
            yield _alone(each, unit, x)


def _requests(found: list[ServerSeries], unit: TimeUnit, x: alt.X) -> Chart:
    names = [str(each.what) for each in found]
    rows = [
        {"at": point.at_s / unit.size_s, "value": point.value, "what": each.what}
        for each in found
        for point in each.points
    ]
    one = len(names) == 1
    scales = {
        "color": alt.Color(
            "what:N",
            scale=alt.Scale(domain=names, range=[SERIES[3], SERIES[1]][: len(names)]),
            legend=None if one else alt.Legend(),
        ),
        "strokeDash": alt.StrokeDash(
            "what:N",
            scale=alt.Scale(domain=names, range=[DASHES[0], DASHES[1]][: len(names)]),
            legend=None if one else alt.Legend(),
        ),
    }
    y = alt.Y("value:Q", title="requests", axis=alt.Axis(format=",.0f", tickCount=4, tickMinStep=1))
    tips = ["what:N", alt.Tooltip("value:Q", title="requests", format=",.4~r")]
    lines = alt.Chart(data(rows)).mark_line(interpolate="step-after", strokeWidth=1.5)
    words = ", ".join(f"{each.what} ({each.metric})" for each in found)
    return Chart(
        name="server-requests",
        title="Server: requests",
        alt=f"Requests in the server, as it told them itself: {words}.",
        spec=spec_of(lines.encode(x=x, y=y, tooltip=tips, **scales), height=HIGH),
        columns=("at", *names),
        rows=_rows(found, 1.0),
    )


def _alone(each: ServerSeries, unit: TimeUnit, x: alt.X) -> Chart:
    title, axis, shown, times = ALONE[each.what]
    rows = [{"at": one.at_s / unit.size_s, "value": one.value * times} for one in each.points]
    y = alt.Y(
        "value:Q",
        title=axis,
        scale=alt.Scale(domain=[0, 100]) if each.what == "kv_cache" else alt.Scale(zero=True),
        axis=alt.Axis(
            format="~s" if max(row["value"] for row in rows) >= WIDEST else shown, tickCount=4
        ),
    )
    colour = SERIES[4] if each.what == "kv_cache" else SERIES[2]
    area: Any = alt.Chart(data(rows)).mark_area(
        opacity=0.3, color=colour, line={"color": colour, "strokeWidth": 1.5}
    )
    tips = [alt.Tooltip("value:Q", title=axis, format=",.4~r")]
    return Chart(
        name=f"server-{each.what.replace('_', '-')}",
        title=title,
        alt=f"As the server told it itself ({each.metric}).",
        spec=spec_of(area.encode(x=x, y=y, tooltip=tips), height=HIGH),
        columns=("at", axis),
        rows=_rows([each], times),
    )


def _rows(found: list[ServerSeries], times: float) -> list[tuple[str, ...]]:
    """A row for each moment of any."""
    values = [{one.at_s: one.value * times for one in each.points} for each in found]
    moments = sorted({at_s for each in values for at_s in each})
    return [
        (
            ("-" if at_s < 0 else "") + show_seconds(abs(at_s)),
            *("-" if at_s not in each else f"{each[at_s]:,.4g}" for each in values),
        )
        for at_s in moments
    ]
