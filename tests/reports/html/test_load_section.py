"""A load run's part of the page."""

import json
import re

import msgspec
import pytest
from markupsafe import Markup

from headrace.jobs import ConcurrencyPoint, Session
from headrace.reports import summarise
from headrace.reports.html import html_report
from headrace.reports.html.gaps import RATIO, gap_curves
from headrace.reports.run import open_run
from tests.reports.conftest import RunMaker, at
from tests.reports.load_maker import LoadMaker, facts


@pytest.fixture
def load(made: RunMaker, monkeypatch: pytest.MonkeyPatch) -> LoadMaker:
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))
    made.load = facts(objectives=["ttft_s < 300ms", "latency_s < 400ms"])
    maker = LoadMaker(made)
    maker.fill(300)
    maker.request(5.0, error_kind="http", http_status=500, latency_s=None, ttft_s=None, gaps_s=None)
    made.manifest(Session(started_at=at(0), ended_at=at(13), state="finished", limits=made.limits))
    made.seal()
    return maker


def test_every_gap_is_counted_once(load: LoadMaker) -> None:
    gaps = [gap for row in load.measured() for gap in row["gaps_s"] if gap > 0]
    spread = gap_curves(open_run(load.made.directory))
    assert spread is not None
    assert spread.histogram["count"].sum() == len(gaps) > 500
    for _, begin_s, end_s, count in spread.histogram.iter_rows():
        assert end_s == pytest.approx(begin_s * RATIO)
        assert count == sum(begin_s <= gap < end_s for gap in gaps)
    for _, s, share in spread.ecdf.iter_rows():
        assert share == pytest.approx(sum(gap < s for gap in gaps) / len(gaps))
    assert spread.ecdf["share"][-1] == 1.0


@pytest.mark.slow
def test_a_load_page_shows_nothing_of_the_warm_up_or_of_this_machines_bound(
    load: LoadMaker,
) -> None:
    look = ConcurrencyPoint(at=at(1), limit=19_936, in_flight=3)
    (load.made.directory / "concurrency.jsonl").write_bytes(msgspec.json.encode(look) + b"\n")
    page = html_report(load.made.directory)
    assert "jobs per minute" not in page
    assert "how many might have been" not in page
    assert "19936" not in page
    assert "triangles are 1 failed attempt." in page  # and of cool-downs, of which there are none


@pytest.mark.slow
def test_the_page_has_the_verdict_the_rates_and_the_times_with_intervals(load: LoadMaker) -> None:
    page = html_report(load.made.directory)
    measured = load.measured()
    figures = summarise(load.made.directory).load
    assert figures is not None
    for text in (
        "<strong>Valid.</strong>",
        "300 of 301 jobs succeeded, 1 failed, in 13.0 s. The measurement is valid.",
        "50/s poisson",
        "TTFT from due",
        "ttft_s &lt; 300ms",
        f"<dt>answered</dt><dd>{len(measured):,}</dd>",
        f"<dt>measured attempts</dt><dd>{len(measured) + 1:,}</dd>",
        "<dt>failed</dt><dd>1</dd>",
    ):
        assert text in page, text
    met = sum(row["ttft_s"] < 0.3 for row in measured)
    assert f'<td class="n">{met}</td>' in page
    (data,) = re.findall(r'id="charts">(.*?)</script>', page)
    names = [chart["name"] for chart in json.loads(data)]
    assert names[:6] == [
        *("latency-histogram", "latency-ecdf", "ttft-histogram", "ttft-ecdf"),
        *("itl-histogram", "itl-ecdf"),
    ]


@pytest.mark.slow
def test_only_measured_answers_are_in_the_curves(load: LoadMaker) -> None:
    page = html_report(load.made.directory)
    assert f"Histogram of {len(load.measured()):,} answers" in page


def test_a_load_run_that_measured_nothing_has_a_page(
    made: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))
    made.load = facts()
    made.manifest(Session(started_at=at(0), ended_at=at(1), state="stopped", limits=made.limits))
    made.seal()
    page = html_report(made.directory)
    assert "<strong>Unknown.</strong>" in page
    assert "Nothing was sent." in page
