"""The report as one HTML file that needs nothing else, and lets nothing in or out.

Whatever models, services and users wrote is escaped by the templates; the charts' data is JSON
whose every `<` is written `\\u003c`; the only script and style that the page may use are those that
its Content-Security-Policy names by digest, and it may fetch nothing at all.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from ..layout import duration, endpoint, money
from ..load.terminal import PERCENTILES
from ..output import write_whole
from ..run import Run, open_run, reading_tables
from ..summary import Summary, summary_of
from ..suspects import SUSPICIONS
from ..terminal import METRIC_NAMES, STATES, worth_showing
from ..words import headline
from .charts import Chart
from .cost_chart import cost_chart
from .course import Course, course_of
from .course_charts import course_charts
from .gaps import gap_spread
from .load_section import load_section
from .run_settings import settings_of
from .spread import spread_of
from .spread_charts import Known, spread_charts
from .standouts import standouts_of

TEMPLATES = Path(__file__).with_name("templates")
QUANTILES = ("p50", "p90", "p95", "p99")
DRAWN = ("latency_s", "ttft_s")
# So that no run makes a page too large: characters of a name and of a text, and rows of a table.
NAME_CHARACTERS_MAX = 160
TEXT_CHARACTERS_MAX = 1_300
ROWS_MAX = 50


class Charts(NamedTuple):
    """All charts of a report by the section that they belong to."""

    cost: list[Chart]
    times: list[Chart]
    course: list[Chart]

    def all(self) -> list[Chart]:
        return [*self.cost, *self.times, *self.course]


def charts_of(run: Run, summary: Summary, course: Course) -> Charts:
    """Draw what there is to draw."""
    cost = cost_chart(summary)
    times = [chart for known in _known(run, summary) for chart in known]
    return Charts([cost] if cost else [], times, course_charts(course, summary))


def _known(run: Run, summary: Summary) -> Iterator[list[Chart]]:
    """The charts of each metric that answers have."""
    urls = {each.url for each in summary.latency if each.url is not None}
    over_all = {each.metric: each for each in summary.latency if each.url is None}
    for metric in DRAWN:
        if metric in over_all and (spread := spread_of(run, metric)) is not None:
            each = over_all[metric]
            yield spread_charts(spread, Known(each.count, each.p50, each.p95, each.max), urls)
    gaps = None if summary.load is None else summary.load.spread("itl_s")
    if gaps is not None and (spread := gap_spread(run)) is not None:
        p50_s, p95_s = (gaps.percentile(name).value for name in ("p50", "p95"))
        yield spread_charts(spread, Known(gaps.count, p50_s, p95_s, gaps.max), urls)


def html_report(directory: Path, *, tolerance: Decimal | None = None) -> str:
    """The page of a run: one that ended, crashed, still goes on, or did nothing at all.

    Raises InputError where the directory is no run, or can't be read.
    """
    run = open_run(directory)
    summary = summary_of(run, tolerance=tolerance)
    with reading_tables(directory):
        course = course_of(run)
        charts = charts_of(run, summary, course)
        standouts = standouts_of(run)
    drawn = [{"name": chart.name, "spec": chart.spec} for chart in charts.all()]
    return render(
        "report.html.jinja",
        title=f"{directory.name}: report",
        chart_data=embedded(drawn),
        script=script() if drawn else Markup(""),
        summary=summary,
        latency=worth_showing(summary.latency),
        headline=headline(summary),
        charts=charts,
        load=None if summary.load is None else load_section(summary.load),
        course=course,
        standouts=standouts,
        settings=settings_of(run.manifest),
        suspicions=SUSPICIONS,
    )


def write_html(directory: Path, path: Path, *, tolerance: Decimal | None = None) -> int:
    """Write the page of a run to a file, whole or not at all, and say how many bytes it has.

    Raises InputError as `html_report` does, and where the file can't be written.
    """
    page = html_report(directory, tolerance=tolerance).encode()
    write_whole(path, page)
    return len(page)


def render(template: str, *, script: Markup, **context: Any) -> str:
    """A page from its template, in the reports' style, that may run `script` and nothing else."""
    css = Markup(_text("page.css"))
    policy = {
        "default-src": "'none'",
        "script-src": _digest(script) if script else "'none'",
        "style-src": _digest(css),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return (
        _environment()
        .get_template(template)
        .render(
            css=css,
            policy="; ".join(f"{name} {value}" for name, value in policy.items()),
            script=script,
            **context,
        )
    )


def embedded(value: object) -> Markup:
    """Data as JSON that no HTML parser takes for anything but text."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


@cache
def script() -> Markup:
    """The libraries that draw, and what has them draw: one script for the page."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle(_text("page.js"))
    # What would end a script element, or turn its meaning; in JavaScript's texts it is the same.
    harmless = re.sub(r"<(?=/script|script|!--)", r"\\x3c", bundle, flags=re.IGNORECASE)
    return Markup(harmless.replace("\r\n", "\n"))


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _short(value: object) -> object:
    """What a template puts out, cut where it is a text: names have no bound of their own."""
    plain_text = isinstance(value, str) and not isinstance(value, Markup)
    return _cut(value, NAME_CHARACTERS_MAX) if plain_text else value  # type: ignore[arg-type]


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_short,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "long": lambda text: Markup.escape(_cut(text, TEXT_CHARACTERS_MAX)),
        "duration": lambda seconds: "–" if seconds is None else duration(seconds),
        "endpoint": endpoint,
        "money": money,
        "count": lambda number: "–" if number is None else f"{number:,.0f}",
        "counted": lambda number, noun: f"{number:,} {noun}{'' if number == 1 else 's'}",
        "percent": lambda share: "–" if share is None else f"{share:.1%}",
        "moment": lambda moment: "–" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC",
    }
    environment.globals |= {
        "states": STATES,
        "metrics": METRIC_NAMES,
        "quantiles": QUANTILES,
        "load_percentiles": PERCENTILES,
        "rows_max": ROWS_MAX,
    }
    return environment
