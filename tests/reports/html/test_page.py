"""The report's page without a browser: what it holds, and what it must never let in."""

import json
import re
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from headrace.jobs import (
    Attempt,
    ConcurrencyPoint,
    Decided,
    Ended,
    InputError,
    Result,
    Sent,
    Session,
    row_frame,
)
from headrace.reports.figures.summary import summary_of
from headrace.reports.html import html_report, write_html
from headrace.reports.html.cost_chart import waterfall
from headrace.reports.html.extremes import extremes_of
from headrace.reports.html.page import script
from headrace.reports.html.page_shell import TEMPLATES, embedded
from headrace.reports.html.spread_curves import spread_curves_of
from headrace.reports.html.timeseries import Pause, time_series_of
from headrace.reports.run import open_run
from tests.reports.conftest import CHAT, RunMaker, at

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}<!--\u202e"


@pytest.fixture(autouse=True)
def _no_libraries(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The bundle takes seconds to make; the browser's test has the real one."""
    if "real_script" not in request.keywords:
        monkeypatch.setattr("headrace.reports.html.page.script", lambda: embedded("no script here"))


def full_run(made: RunMaker) -> None:
    """Two models, three endpoints, retries, a refusal with its pause, a failure, and texts."""
    made.attempt(
        0, sent_at=at(1), error_kind="http", http_status=429, error_code="RATE_LIMIT",
        first_byte_s=0.5, retry_after_s=7.0, request_id="req-429",
    )  # fmt: skip
    usage = {"input_tokens": 100, "output_tokens": 50, "cost": Decimal("0.0002")}
    made.attempt(0, 2, sent_at=at(9), latency_s=2.0, **usage)
    made.result(0, attempts=2, sent_at=at(9), latency_s=2.0, ttft_s=0.5, text="x" * 1500, **usage)
    made.job(1, sent_at=at(2), latency_s=4.0, cost=Decimal("0.25"), model="painter",
             url="/v1/images/generations", metadata='{"who": "me"}')  # fmt: skip
    made.attempt(2, error_kind="http", http_status=400, error_code="INVALID", request_id="req-2")
    made.result(2, status="failed", http_status=400, error_code="INVALID", error_message="no")
    made.reading(0, "10.00", "0")
    made.reading(60, "9.70", "0.2502")


def page_of(made: RunMaker) -> str:
    return html_report(made.directory)


@pytest.mark.slow
def test_the_page_says_what_happened(made: RunMaker) -> None:
    full_run(made)
    made.write()
    page = page_of(made)
    assert "2 of 3 jobs succeeded, 1 failed, in 60.0 s." in page
    assert "It cost 0.2502 CNY; the account says 0.0498 CNY more." in page
    for text in ("req-429", "req-2", "429 RATE_LIMIT", "jobs.jsonl", "http://127.0.0.1:8000"):
        assert text in page
    assert "{&#34;who&#34;: &#34;me&#34;}" in page
    # Long answers are cut, and say so.
    assert "x" * 1200 in page
    assert "x" * 1201 not in page
    assert "results/*.parquet has the rest" in page


@pytest.mark.slow
def test_the_page_fetches_nothing_and_says_so_in_its_policy(made: RunMaker) -> None:
    full_run(made)
    made.write()
    page = page_of(made)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    rules = dict(rule.split(" ", 1) for rule in policy.replace("&#39;", "'").split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]{43}=' 'sha256-[\w+/]{43}='", rules["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["style-src"])
    assert "unsafe" not in policy
    assert re.findall(r"<(?:link|iframe|object|embed|base|form|img)\b", page) == []
    assert re.findall(r"\s(?:src|srcset|style|on\w+)=", page) == []
    assert {href[0] for href in re.findall(r'href="([^"]*)"', page)} == {"#"}


def hostile_run(made: RunMaker) -> None:
    """Everything that others write, as bad as it can be."""
    texts: dict[str, Any] = {"custom_id": HOSTILE, "model": HOSTILE, "request_id": HOSTILE}
    made.attempt(0, **texts, error_kind="http", http_status=500, error_code=HOSTILE)
    made.attempt(0, 2, **texts, latency_s=1.0, cost=Decimal(1), input_tokens=1, output_tokens=1)
    made.result(0, **texts, latency_s=1.0, ttft_s=0.5, text=HOSTILE, metadata=json.dumps(HOSTILE),
                finish_reason=HOSTILE, cost=Decimal(1))  # fmt: skip
    failed = {"status": "failed", "http_status": 400, "error_code": HOSTILE}
    made.attempt(1, url=f"/v1/{HOSTILE}", error_kind="http", http_status=400, **texts)
    made.result(1, **{**texts, "url": f"/v1/{HOSTILE}"}, **failed, error_message=HOSTILE)
    made.job(2, url="/v1/x<b>y", custom_id=HOSTILE, latency_s=2.0, ttft_s=0.1)
    made.reading(0, "10.00", "0")
    made.reading(60, None, "1", error=HOSTILE)


@pytest.mark.slow
def test_hostile_text_is_text_everywhere(made: RunMaker) -> None:
    hostile_run(made)
    made.manifest(
        Session(
            started_at=at(0), ended_at=at(60), state="stopped", reason=HOSTILE, limits=made.limits,
            arguments={HOSTILE: HOSTILE},
        )
    )  # fmt: skip
    made.seal()
    page = page_of(made)
    assert page.count("<script") == page.count("</script>") == 3  # and the data, and the libraries
    assert "<img" not in page
    assert "<!--" not in page
    assert page.count("&lt;img src=x onerror=alert(2)&gt;") >= 12
    assert "49" not in re.findall(r"alert\(2\)&gt;&#34;&#39;`(.*?)&lt;!--", page)
    (data,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', page)
    assert "\u202e" not in page.replace(data, "")  # it would turn the words after it around
    assert "<" not in data
    json.loads(data)


def test_the_commonest_reasons_of_rejected_lines_are_on_the_page(made: RunMaker) -> None:
    made.job(0)
    lines = [f'{{"line": {n}, "reason": "<b>no body at {n}", "text": ""}}\n' for n in (2, 5)]
    (made.write() / "rejects.jsonl").write_text("".join(lines))
    page = page_of(made)
    assert "<li>rejected: 2 lines, such as line 2: &lt;b&gt;no body at 2</li>" in page


def test_data_of_any_kind_is_embedded_without_a_tag() -> None:
    value = {"</script>": ["<!--", "\u2028", 'a"b', "&amp;"]}
    text = str(embedded(value))
    assert "<" not in text
    assert json.loads(text) == value


@pytest.mark.slow
@pytest.mark.real_script
def test_the_libraries_hold_nothing_that_ends_their_element() -> None:
    text = str(script())
    assert re.search(r"</script|<script|<!--", text, flags=re.IGNORECASE) is None
    assert "\r" not in text
    assert 500_000 < len(text) < 1_500_000


@pytest.mark.slow
def test_the_wheel_holds_what_a_page_is_made_of(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    root = Path(__file__).resolve().parents[3]
    subprocess.run(command, check=True, capture_output=True, cwd=root)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = {path.name for path in TEMPLATES.iterdir()}
    assert {"base.html.jinja", "report.html.jinja", "page.css", "page.js"} <= templates
    assert {f"headrace/reports/html/templates/{name}" for name in templates} <= names


@pytest.mark.slow
def test_a_page_has_a_bound_whatever_the_run(made: RunMaker) -> None:
    """1,500 jobs at four endpoints, each with a long text and an error of its own."""
    text = "<&>" * 600
    for index in range(1500):
        url = (CHAT, "/v1/messages", "/v1/search/completions", "/v1/images/generations")[index % 4]
        about = {"url": url, "model": f"model {index} {text}", "custom_id": f"{index} {text}"}
        failed = {"http_status": 500 + index % 100, "error_code": f"code {index} {text}"}
        made.attempt(index, **about, error_kind="http", **failed)  # type: ignore[arg-type]
        spent = {"latency_s": 0.01 * (index + 1), "ttft_s": 0.001 * (index + 1)}
        made.attempt(index, 2, **about, **spent, cost=Decimal(1))
        made.result(index, **about, **spent, text=text, metadata=text, attempts=2)
    made.manifest()
    row_frame(Result, made.results).write_parquet(folder(made, "results") / "0.parquet")
    row_frame(Attempt, made.attempts).write_parquet(folder(made, "attempts") / "0.parquet")
    made.results, made.attempts = [], []
    size = len(page_of(made).encode())
    assert size < 3_000_000 - 1_100_000  # the libraries take the rest


def folder(made: RunMaker, name: str) -> Path:
    path = made.directory / name
    path.mkdir()
    return path


def test_an_empty_run_has_a_page(made: RunMaker) -> None:
    made.write()
    page = page_of(made)
    for text in ("No job has a result", "Nothing was sent", "there are no times", "Every attempt"):
        assert text in page
    assert page.count("<script") == 1  # what marks wide tables; nothing is drawn


@pytest.mark.slow
def test_a_killed_run_has_a_page_with_what_its_journal_holds(made: RunMaker) -> None:
    made.manifest(Session(started_at=at(0), limits=made.limits))
    attempt = made.attempt(0, latency_s=3.0, cost=Decimal("0.5"), sent_at=at(4))
    result = made.result(0, latency_s=3.0, text="from the journal", cost=Decimal("0.5"))
    about = {"custom_id": "job-1", "model": "small", "url": CHAT, "due_at": at(5)}
    sent = Sent(index=1, attempt=1, sent_at=at(5), **about)  # type: ignore[arg-type]
    made.journal(Ended(attempt=attempt, result=result), sent, torn=b'{"type":"en')
    page = page_of(made)
    assert "was killed; run the same command again to resume" in page
    assert "from the journal" in page
    assert "1 attempt lost in a crash" in page
    # Its time at work is up to the end of its last attempt.
    assert time_series_of(open_run(made.directory)).timeline.span_s == 7.0


def test_a_run_that_goes_on_has_a_page(made: RunMaker) -> None:
    made.manifest(Session(started_at=at(0), limits=made.limits))
    made.journal(Ended(attempt=made.attempt(0, latency_s=1.0)), Decided(result=made.result(0)))
    with made.at_work():
        page = page_of(made)
    assert "The run is still running." in page
    assert "the run is still running" in page


def test_a_file_that_cannot_be_written_is_an_error(made: RunMaker, tmp_path: Path) -> None:
    made.write()
    with pytest.raises(InputError, match="cannot write"):
        write_html(made.directory, tmp_path / "nowhere" / "page.html")
    assert list(tmp_path.glob("**/*.partial")) == []


def test_sessions_are_drawn_end_to_end(made: RunMaker) -> None:
    """A minute, a day's pause, and half a minute more."""
    day = 86_400.0
    for index, moment in enumerate((10.0, 20.0, day + 5, day + 29)):
        made.attempt(index, sent_at=at(moment), latency_s=1.0, input_tokens=3, output_tokens=4)
    made.manifest(
        Session(started_at=at(0), ended_at=at(60), state="stopped", limits=made.limits),
        Session(started_at=at(day), ended_at=at(day + 30), state="finished", limits=made.limits),
    )
    made.seal()
    series = time_series_of(open_run(made.directory))
    assert (series.timeline.begins_s, series.timeline.span_s) == ([0.0, 60.0], 90.0)
    assert series.timeline.width_s == 2
    counted = series.bins.filter(pl.col("requests") > 0)
    assert counted.select("at_s", "requests", "tokens").rows() == [
        (10.0, 1, 7),
        (20.0, 1, 7),
        (64.0, 1, 7),
        (88.0, 1, 7),
    ]
    assert len(series.bins) == 46


@pytest.mark.slow
def test_bins_hold_medians_errors_pauses_and_the_most_in_flight(made: RunMaker) -> None:
    """From 0 to 60 s in bins of a second."""
    for index, (moment, latency_s) in enumerate([(0.0, 2.0), (0.5, 1.0), (0.6, 4.0), (3.0, 0.25)]):
        made.attempt(index, sent_at=at(moment), latency_s=latency_s)
    refusal: dict[str, Any] = {"error_kind": "http", "http_status": 429, "error_code": "RATE_LIMIT"}
    made.attempt(4, sent_at=at(3.5), first_byte_s=0.5, retry_after_s=10.0, **refusal)
    made.attempt(5, sent_at=at(5), first_byte_s=1.0, retry_after_s=20.0, **refusal)
    made.attempt(6, sent_at=at(55), first_byte_s=1.0, retry_after_s=99.0, **refusal)
    made.attempt(7, sent_at=at(3.6), error_kind="timeout")
    made.write()
    series = time_series_of(open_run(made.directory))
    rows = {row["at_s"]: row for row in series.bins.to_dicts()}
    assert (rows[0.0]["p50"], rows[0.0]["p95"]) == (2.0, pytest.approx(3.8))
    assert [rows[float(n)]["in_flight"] for n in range(6)] == [3, 3, 1, 3, 1, 1]
    assert series.errors.rows() == [
        (3.0, "429 RATE_LIMIT", 1),
        (3.0, "timeout", 1),
        (5.0, "429 RATE_LIMIT", 1),
        (55.0, "429 RATE_LIMIT", 1),
    ]
    assert series.cool_downs == [Pause(4.0, 26.0), Pause(56.0, 60.0)]
    assert series.endless == 1
    assert "Of 1 attempt no end is recorded" in page_of(made)


@pytest.mark.slow
def test_the_concurrency_that_the_run_found_is_drawn(made: RunMaker) -> None:
    made.job(0, sent_at=at(1), latency_s=1.0)
    points = [(0.0, 16, 1), (30.0, 24, 20), (59.0, 12, 3)]
    lines = [
        msgspec.json.encode(ConcurrencyPoint(at=at(s), limit=limit, in_flight=used)) + b"\n"
        for s, limit, used in points
    ]
    (made.write() / "concurrency.jsonl").write_bytes(b"".join(lines))
    page = page_of(made)
    assert "(found by the run): 16 at the start, peak 24, 12 at the end" in page
    (data,) = re.findall(r'id="charts">(.*?)</script>', page)
    (drawn,) = (each["spec"] for each in json.loads(data) if each["name"] == "in-flight")
    assert drawn["datasets"][drawn["layer"][1]["data"]["name"]] == [
        {"at": seconds, "limit": limit} for seconds, limit, _ in points
    ]


def test_a_spread_counts_every_answer_once(made: RunMaker) -> None:
    times = [0.1 * (n + 1) for n in range(300)]
    for index, time_s in enumerate(times):
        made.result(index, latency_s=time_s)
    made.result(300, latency_s=99.0, status="failed")
    spread = spread_curves_of(open_run(made.write()), "latency_s")
    assert spread is not None
    assert spread.histogram["count"].sum() == 300
    for _, begin, end, count in spread.histogram.iter_rows():
        assert count == sum(begin <= time_s < end for time_s in times)
    points = list(spread.ecdf.select("s", "share").iter_rows())
    assert len(points) == 200
    assert points[0] == (times[0], 1 / 300)
    assert points[-1] == (times[-1], 1.0)
    assert all(share == sum(t <= s for t in times) / 300 for s, share in points)


@pytest.mark.slow
def test_endpoints_are_told_apart_by_more_than_colour(made: RunMaker) -> None:
    for index, url in enumerate(["/v1/chat/completions", "/v1/messages"]):
        made.job(index, url=url, latency_s=0.5 + index)
    made.write()
    (data,) = re.findall(r'id="charts">(.*?)</script>', page_of(made))
    specs = {each["name"]: each["spec"] for each in json.loads(data)}
    for name in ("latency-histogram", "latency-ecdf"):
        dashes = specs[name]["encoding"]["strokeDash"]["scale"]["range"]
        assert len(dashes) == 2
        assert dashes[0] != dashes[1]
    assert specs["latency-histogram"]["mark"]["strokeWidth"] > 0


def test_no_answer_has_no_spread(made: RunMaker) -> None:
    made.result(0, status="failed", latency_s=1.0)
    assert spread_curves_of(open_run(made.write()), "ttft_s") is None


def test_what_has_no_cost_is_not_a_difference_in_the_waterfall(made: RunMaker) -> None:
    """Regression: what a service without prices took was drawn in red, as if the bill was wrong."""
    made.service("priced", "small", prices=made.prices)
    made.service("free", "painter")
    made.prices = None
    made.job(0, cost=Decimal("1.00"), service="priced")
    made.job(1, cost=None, model="painter", service="free")
    for name, last, spent in (("priced", "9.00", "1"), ("free", "8.00", "0")):
        made.reading(0, "10.00", "0", service=name, moment="before")
        made.reading(60, last, spent, service=name, moment="after")
    summary = summary_of(open_run(made.write()))
    assert summary.balance.verdict == "cannot be checked"
    assert [(step.name, step.kind) for step in waterfall(summary)][2:] == [
        ("in no cost", "elsewhere"),
        ("fall of the balance", "account"),
    ]


def test_the_waterfall_leads_from_each_cost_to_the_fall_of_the_balance(made: RunMaker) -> None:
    made.job(0, cost=Decimal("1.00"))
    made.job(1, cost=Decimal("3.00"), model="painter")
    used = {"daily_budget": Decimal(50), "daily_reset_at": at(80_000)}
    made.reading(0, "10.00", "0", daily_used=Decimal("2.00"), **used)
    made.reading(60, "3.00", "4.00", daily_used=Decimal("6.50"), **used)
    run = open_run(made.write())
    steps = [(step.name, step.begin, step.end) for step in waterfall(summary_of(run))]
    assert steps == [
        ("painter, chat", 0, 3),
        ("small, chat", 3, 4),
        ("computed", 0, 4),
        ("difference", 4, Decimal("4.5")),
        ("key's daily use", 0, Decimal("4.5")),
        ("other keys", Decimal("4.5"), 7),
        ("fall of the balance", 0, 7),
    ]


def test_the_dearest_are_by_all_their_attempts(made: RunMaker) -> None:
    for index in range(12):
        made.job(index, cost=Decimal(index), latency_s=float(index))
    made.attempt(3, 2, cost=Decimal(100))
    found = extremes_of(open_run(made.write()))
    assert [each.index for each in found.dearest] == [3, 11, 10, 9, 8, 7, 6, 5, 4, 2]
    assert found.dearest[0].cost == Decimal(103)
    assert [each.index for each in found.slowest] == [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
    assert found.tries == [(1, 12)]


def test_what_has_no_cost_and_what_the_service_reports(made: RunMaker) -> None:
    made.job(0, input_tokens=9, cost_note="the price file has no <b>web_search</b>")
    made.job(1, input_tokens=9, reported_cost=Decimal("0.0250"))
    made.attempt(2, error_kind="http", http_status=504, first_byte_s=60.0)
    made.attempt(2, 2, error_kind="http", http_status=504, first_byte_s=60.0)
    made.write()
    page = page_of(made)
    assert '<th scope="col" class="n">reported by the service</th>' in page
    assert "Reported by the service: 0.025." in page
    assert "Costs are reported of 1 of 2 answers." in page
    assert "Computed from the usage: unknown." in page
    assert "the price file has no &lt;b&gt;web_search&lt;/b&gt;" in page
    assert "504 after 60 s each: something cuts here; stream, or raise its limit" in page


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_have_the_contrast_that_readers_need(theme: int) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for what is drawn; in both themes."""
    css = (TEMPLATES / "page.css").read_text()
    block = css.split("prefers-color-scheme: dark")[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    text = min(
        (contrast(colours[name], colours[ground]), name, ground)
        for ground in ("paper", "raised")
        for name in ("ink", "soft", "link", "good", "bad", "limit")
    )
    assert text[0] >= 4.5, text
    shapes = ("pause", *(f"series-{n}" for n in range(1, 7)))
    drawn = min((contrast(colours[name], colours["paper"]), name) for name in shapes)
    assert drawn[0] >= 3, drawn
