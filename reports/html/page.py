"""The report as one HTML file that needs nothing else."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from headrace.jobs import reasons_in_words

from ..figures import SUSPICIONS, Summary, summary_of, worth_comparing, worth_showing
from ..headline import headline, kept_words, reported_words
from ..load import PERCENTILES
from ..output import write_whole
from ..run import Run, open_run, reading_tables
from ..service_words import service_table, stopped_words
from ..wording import METRIC_NAMES, TOO_SHORT, state_words
from .charts import Chart
from .cost_chart import cost_chart
from .extremes import extremes_of
from .gaps import gap_curves
from .load_charts import load_charts
from .load_section import load_section
from .page_shell import embedded, render, template_text
from .score_rows import score_rows
from .server_charts import server_charts
from .settings_table import settings_of
from .spread_charts import ExactFigures, spread_charts
from .spread_curves import spread_curves_of
from .timeseries import TimeSeries, time_series_of
from .timeseries_charts import time_series_charts

QUANTILES = ("p50", "p90", "p95", "p99")
DRAWN = ("latency_s", "ttft_s")
ROWS_MAX = 50  # of a table, so that no run makes a page too large


class Charts(NamedTuple):
    """All charts of a report by the section that they belong to."""

    load: list[Chart]
    cost: list[Chart]
    times: list[Chart]
    over_time: list[Chart]

    def all(self) -> list[Chart]:
        return [*self.cost, *self.times, *self.over_time, *self.load]


def charts_of(run: Run, summary: Summary, series: TimeSeries) -> Charts:
    """Draw what there is to draw."""
    cost = cost_chart(summary)
    times = [chart for known in _known(run, summary) for chart in known]
    load = []
    if summary.load is not None:
        load = [*load_charts(summary.load), *server_charts(summary.load)]
    return Charts(load, [cost] if cost else [], times, time_series_charts(series, summary))


def _known(run: Run, summary: Summary) -> Iterator[list[Chart]]:
    """The charts of each metric that answers have."""
    urls = {each.url for each in summary.latency if each.url is not None}
    over_all = {each.metric: each for each in summary.latency if each.url is None}
    for metric in DRAWN:
        if metric in over_all and (spread := spread_curves_of(run, metric)) is not None:
            each = over_all[metric]
            yield spread_charts(
                spread, ExactFigures(each.count, each.p50, each.p95, each.max), urls
            )
    gaps = None if summary.load is None else summary.load.spread("itl_s")
    if gaps is not None and (spread := gap_curves(run)) is not None:
        assert gaps.max is not None
        p50_s, p95_s = (gaps.percentile(name).value for name in ("p50", "p95"))
        yield spread_charts(spread, ExactFigures(gaps.count, p50_s, p95_s, gaps.max), urls)


def html_report(
    directory: Path, *, tolerance: Decimal | None = None, client_error_s: float | None = None
) -> str:
    """The page of a run: one that ended, crashed, is still running, or did nothing at all.

    Raises InputError where the directory is not a run, or can't be read.
    """
    run = open_run(directory).allowing(client_error_s)
    summary = summary_of(run, tolerance=tolerance)
    with reading_tables(directory):
        series = time_series_of(run)
        charts = charts_of(run, summary, series)
        extremes = extremes_of(run)
    return drawn_page(
        "report.html.jinja",
        charts.all(),
        title=f"{directory.name}: report",
        summary=summary,
        latency=worth_showing(summary.latency),
        headline=headline(summary),
        reported_words=reported_words(summary.usage),
        kept=[] if summary.kept is None else kept_words(summary.kept),
        rejects=reasons_in_words(summary.outcome.rejects),
        charts=charts,
        load=None if summary.load is None else load_section(summary.load),
        scores=score_rows(summary.scores),
        series=series,
        extremes=extremes,
        settings=settings_of(run.manifest),
        sources=summary.cost_sources if worth_comparing(summary.cost_sources) else [],
        suspicions=SUSPICIONS,
        services=service_table(summary),
        stopped=stopped_words(summary.by_service),
        too_short=TOO_SHORT,
        state=state_words(summary.run.state, kind=summary.run.kind),
        metrics=METRIC_NAMES,
        quantiles=QUANTILES,
        load_percentiles=PERCENTILES,
        rows_max=ROWS_MAX,
    )


def drawn_page(template: str, to_draw: Sequence[Chart], /, **context: Any) -> str:
    """A page from its template, with charts and what draws them."""
    drawn = [{"name": chart.name, "spec": chart.spec} for chart in to_draw]
    return render(
        template,
        chart_data=embedded(drawn),
        script=script() if drawn else Markup(""),
        **context,
    )


def write_html(
    directory: Path,
    path: Path,
    *,
    tolerance: Decimal | None = None,
    client_error_s: float | None = None,
) -> int:
    """Write the page of a run to a file, whole or not at all, and say how many bytes it has.

    Raises InputError as `html_report` does, and where the file can't be written.
    """
    page = html_report(directory, tolerance=tolerance, client_error_s=client_error_s).encode()
    write_whole(path, page)
    return len(page)


@cache
def script() -> Markup:
    """The libraries that draw, and what has them draw: one script for the page."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle(template_text("page.js"))
    # What would end a script element, or turn its meaning; in JavaScript's texts it is the same.
    harmless = re.sub(r"<(?=/script|script|!--)", r"\\x3c", bundle, flags=re.IGNORECASE)
    return Markup(harmless.replace("\r\n", "\n"))
