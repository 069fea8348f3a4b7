"""Times of answers drawn twice: how many took how long, and which share took no longer."""

from collections.abc import Iterable
from typing import NamedTuple

import altair as alt
import polars as pl

from headrace.jobs import show_seconds

from ..wording import endpoint
from .charts import INK, Chart, Endpoints, data, spec_of, time_unit
from .spread_curves import SpreadCurves

NAMES = {
    "latency_s": "Latency",
    "ttft_s": "Time to first token",
    "itl_s": "Gap between tokens",
}
COUNTED = {"latency_s": "answer", "ttft_s": "answer", "itl_s": "gap"}


class ExactFigures(NamedTuple):
    """What is known of a metric exactly, in seconds: the charts' words."""

    samples: int
    p50_s: float
    p95_s: float
    max_s: float


def spread_charts(
    spread: SpreadCurves, known: ExactFigures, every_url: Iterable[str]
) -> list[Chart]:
    """The histogram and the ECDF of one metric; `every_url` has the endpoints of all charts."""
    urls = sorted({endpoint(url) for url in spread.ecdf["url"].unique().to_list()})
    endpoints = Endpoints(sorted({*urls, *map(endpoint, every_url)}))
    name, noun = NAMES[spread.metric], f"{COUNTED[spread.metric]}s"
    slug = spread.metric.removesuffix("_s")
    words = (
        f"half within {show_seconds(known.p50_s)}, 95 of 100 within {show_seconds(known.p95_s)}, "
        f"the longest {show_seconds(known.max_s)}"
    )
    unit = time_unit(known.p50_s)
    axis = alt.Axis(title=f"{unit.name}, logarithmic", format=",~r", tickCount=6, grid=False)
    scale = alt.Scale(type="log", nice=False)
    outline = 1.2 if len(urls) > 1 else 0  # its dashes tell endpoints apart where colours don't
    bars = (
        alt.Chart(
            data(
                {
                    "endpoint": endpoint(url),
                    "from": begin / unit.size_s,
                    "to": end / unit.size_s,
                    "count": count,
                }
                for url, begin, end, count in spread.histogram.iter_rows()
            )
        )
        .mark_bar(orient="vertical", binSpacing=1, stroke=INK, strokeWidth=outline)
        .encode(
            x=alt.X("from:Q", scale=scale, axis=axis),
            x2="to:Q",
            y=alt.Y("count:Q", title=noun, stack="zero"),
            color=endpoints.colour(urls),
            strokeDash=endpoints.dash(urls),
            tooltip=[
                alt.Tooltip("endpoint:N"),
                alt.Tooltip("count:Q", title=noun, format=","),
                alt.Tooltip("from:Q", title=f"from, {unit.name}", format=",.4~r"),
                alt.Tooltip("to:Q", title=f"to, {unit.name}", format=",.4~r"),
            ],
        )
    )
    lines = (
        alt.Chart(
            data(
                {"endpoint": endpoint(url), "time": s / unit.size_s, "share": share}
                for url, s, share in spread.ecdf.iter_rows()
            )
        )
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X("time:Q", scale=scale, axis=axis),
            y=alt.Y("share:Q", title=f"share of {noun}", axis=alt.Axis(format="%")),
            color=endpoints.colour(urls),
            strokeDash=endpoints.dash(urls),
            tooltip=[
                alt.Tooltip("endpoint:N"),
                alt.Tooltip("time:Q", title=unit.name, format=",.4~r"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    return [
        Chart(
            name=f"{slug}-histogram",
            title=f"{name}, as a histogram",
            alt=f"Histogram of {known.samples:,} {noun}: {words}.",
            spec=spec_of(bars),
            columns=("endpoint", "from", "to", noun),
            rows=[
                (endpoint(url), show_seconds(begin), show_seconds(end), f"{count:,}")
                for url, begin, end, count in spread.histogram.iter_rows()
            ],
        ),
        Chart(
            name=f"{slug}-ecdf",
            title=f"{name}, added up",
            alt=f"Cumulative curve: {words}.",
            spec=spec_of(lines),
            columns=("endpoint", "time", f"share of {noun} that took no longer"),
            rows=[
                (endpoint(url), show_seconds(s), f"{share:.1%}")
                for url, s, share in _thinned(spread).iter_rows()
            ],
        ),
    ]


def _thinned(spread: SpreadCurves) -> pl.DataFrame:
    """Every tenth point of the curve, and its last one."""
    points = spread.ecdf.with_row_index("n")
    last = pl.col("n") == pl.col("n").max().over("url")
    return points.filter((pl.col("n") % 10 == 0) | last).drop("n")
