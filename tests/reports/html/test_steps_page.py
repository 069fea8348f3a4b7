"""A sweep or a search as a page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from headrace.reports.html import steps_page, write_steps_page
from tests.reports.comparison.test_steps import step, steps

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _no_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))


def spec_of(page: str, name: str) -> dict[str, Any]:
    (data,) = re.findall(r'id="charts">(.*?)</script>', page)
    found = next(each for each in json.loads(data) if each["name"] == name)
    spec: dict[str, Any] = found["spec"]
    return spec


def search() -> Any:
    return steps(
        [
            step(10.0, 0.2, certainty="met", outcome="met", met=True),
            step(20.0, 0.3, certainty="met", outcome="met", met=True),
            step(30.0, 0.4, certainty="unclear", outcome="unclear", met=False, why=["it rose"]),
            step(40.0, 4.0, certainty="not met", outcome="missed", met=False),
        ],
        kind="find",
        objective="p95(latency_s) < 500ms",
        highest_met=20.0,
        lowest_missed=30.0,
        unclear=[30.0],
    )


def test_it_says_what_was_found_and_marks_the_knee_and_the_objective() -> None:
    page = steps_page(search())
    assert "20 to 30/s at most meet the objective; 30/s misses it." in page
    assert "unclear: missed" in page
    assert "it rose" in page
    spec = json.dumps(spec_of(page, "times-by-load"))
    assert '"words": "knee, 30"' in spec
    assert '"words": "objective: latency 500 ms"' in spec
    assert '"outcome": "unclear"' in spec
    assert spec_of(page, "answered-by-load")["layer"]


@pytest.mark.slow
def test_a_sweep_leads_with_its_ends_and_counts_what_was_cut() -> None:
    """It led with the first reason why a step was not sure."""
    limited = {"verdict": "client-limited", "why": ["it stood still"]}
    made = [step(5.0, 0.25, answers=40, cut_at_max_tokens=3, **limited), step(9.0, 0.5, answers=60)]
    page = steps_page(steps(made))
    assert '<p class="headline">Latency p95 was 250 ms at 5/s, 500 ms at 9/s.</p>' in page
    assert "3 of 100 answers were cut at max_tokens." in page
    assert '<th scope="col" class="n">cut</th>' in page
    assert '<th scope="col" class="n">cut</th>' not in steps_page(search())


def test_only_the_last_try_of_a_load_is_a_point() -> None:
    """A shorter try before lay off the line, and looked like a load of its own."""
    tries = [
        step(10.0, 0.9, certainty="unclear", outcome="unclear", met=False),
        step(10.0, 0.2, certainty="met", outcome="met", met=True),
    ]
    page = steps_page(steps(tries, kind="find", objective="p95(latency_s) < 500ms"))
    spec = json.dumps(spec_of(page, "times-by-load"))
    assert '"outcome": "met"' in spec
    assert '"outcome": "unclear"' not in spec


def test_users_have_no_rates_to_hold_answers_against() -> None:
    page = steps_page(steps([step(None, 2.0, users=8), step(None, 3.0, users=16)]))
    assert "answered-by-load" not in page
    assert "8 users" in page


def test_what_was_answered_by_nobody_is_not_drawn() -> None:
    page = steps_page(steps([step(5.0, None)]))
    assert "data-drawn" not in page
    assert "<figure" not in page


def test_what_others_wrote_is_text() -> None:
    report = steps([step(5.0, 1.0, why=[HOSTILE])], directory=HOSTILE, reason=HOSTILE)
    page = steps_page(report)
    assert page.count("<script") == 3  # what marks wide tables, the data, and what draws them
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.slow
def test_it_is_written_whole(tmp_path: Path) -> None:
    write_steps_page(search(), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == steps_page(search())


def test_curves_begin_at_0_and_a_legend_of_four_is_of_two_columns() -> None:
    """Speeds of 136 to 141 tokens a second zigzagged over a chart that began at 136; and on a phone
    the fourth entry of the legend was cut off."""
    told = {"output_tokens_per_s": 272.0, "in_flight": 2.0}
    page = steps_page(steps([step(5.0, 0.2, **told), step(10.0, 0.25, **told)]))
    scales = [
        spec_of(page, name)["layer"][0]["encoding"]["x"]["scale"]
        for name in ("throughput-by-latency", "throughput-by-user")
    ]
    assert [each["domain"] for each in scales] == [
        [0, pytest.approx(275)],
        [0, pytest.approx(149.6)],
    ]
    lines = spec_of(page, "times-by-load")["layer"][0]["encoding"]
    assert [lines[each]["legend"]["columns"] for each in ("color", "strokeDash")] == [2, 2]
