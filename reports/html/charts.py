"""What every chart of a report is made of: a title, its words, its Vega-Lite spec and its table.

Colours are CSS variables, so one drawing serves a light page and a dark one; `templates/page.css`
says what they are, and `chart_files` puts the light ones in their places.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import altair as alt

HEIGHT = 220
# Room for the labels left of a plot, in pixels.
LEFT = 44
SERIES = tuple(f"var(--series-{n})" for n in range(1, 7))
INK, SOFT, GRID = "var(--ink)", "var(--soft)", "var(--line)"
GOOD, BAD, PAUSE, LIMIT = "var(--good)", "var(--bad)", "var(--pause)", "var(--limit)"
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 1], [1, 3])
LEGEND_COLUMNS = 3
FONT = "system-ui, sans-serif"

CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": None,
    "view": {"stroke": None},
    "aria": False,  # the figure around it has the words
    "axis": {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "labelOverlap": "greedy",
        "labelSeparation": 6,
    },
    # As wide in every chart, so that all plots of a page begin below one another.
    "axisY": {"minExtent": LEFT, "maxExtent": LEFT},
    "legend": {
        "labelColor": INK,
        "title": None,
        "orient": "top",
        "labelFontSize": 11,
        "labelLimit": 220,
        "symbolType": "square",
        "symbolStrokeWidth": 2,
    },
    "text": {"color": INK, "fontSize": 11, "font": FONT},
    "bar": {"color": SERIES[0]},
    "line": {"color": SERIES[0], "strokeWidth": 2},
    "area": {"color": SERIES[0]},
}


class Chart(NamedTuple):
    """One chart: `alt` says in a sentence what it shows, `rows` are the same figures as text."""

    name: str
    title: str
    alt: str
    spec: dict[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class TimeUnit(NamedTuple):
    """The unit of an axis, and how many seconds it has."""

    name: str
    size_s: float


def time_unit(longest_s: float) -> TimeUnit:
    """The unit in which a time of that length is easily read."""
    for name, size_s, limit_s in (("ms", 1e-3, 1.0), ("s", 1.0, 180.0), ("min", 60.0, 10_800.0)):
        if longest_s < limit_s:
            return TimeUnit(name, size_s)
    return TimeUnit("h", 3600.0)


def time_axis_unit(span_s: float) -> TimeUnit:
    """The unit of an axis over the whole run: seconds at the least."""
    unit = time_unit(span_s)
    return TimeUnit("s", 1.0) if unit.name == "ms" else unit


def data(rows: Iterable[dict[str, Any]]) -> alt.InlineData:
    """Rows to be drawn, inside the spec."""
    return alt.InlineData(values=list(rows))


def spec_of(chart: Any, *, height: int = HEIGHT) -> dict[str, Any]:
    """A chart's spec, as wide as what holds it."""
    spec: dict[str, Any] = chart.properties(width="container", height=height).to_dict()
    spec["config"] = CONFIG
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec


class Endpoints(NamedTuple):
    """The endpoints of a run by their short names: each has a colour and a dash in all charts."""

    every: Sequence[str]

    def colour(self, shown: Sequence[str]) -> alt.Color:
        """Colours of those that a chart shows; no legend for one alone."""
        colours = [SERIES[self.every.index(name) % len(SERIES)] for name in shown]
        scale = alt.Scale(domain=list(shown), range=colours)
        return alt.Color("endpoint:N", scale=scale, legend=_legend(shown))

    def dash(self, shown: Sequence[str]) -> alt.StrokeDash:
        """Dashes, for whoever can't tell the colours apart; those of one colour differ, too."""
        places = [self.every.index(name) for name in shown]
        dashes = [DASHES[(place + place // len(SERIES)) % len(DASHES)] for place in places]
        scale = alt.Scale(domain=list(shown), range=dashes)
        return alt.StrokeDash("endpoint:N", scale=scale, legend=_legend(shown))


def _legend(shown: Sequence[str]) -> alt.Legend | None:
    """What is shown, so many beside one another as the narrowest chart has room for."""
    if len(shown) < 2:
        return None
    return alt.Legend(columns=LEGEND_COLUMNS) if len(shown) > LEGEND_COLUMNS else alt.Legend()
