"""Repeats as a page, as Markdown and in words."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from markupsafe import Markup

from headrace.reports.comparison import (
    Comparison,
    JudgedObjective,
    Repeat,
    RepeatedFigure,
    Repeats,
    repeat_remarks,
)
from headrace.reports.comparison.pairing import Pairing
from headrace.reports.comparison.repeat_words import beyond_chance, figure_rows
from headrace.reports.html import repeats_page
from headrace.reports.markdown_repeats import repeats_markdown
from tests.reports.comparison.test_steps import step

HOSTILE = "</td><script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _no_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))


def run(name: str, side: Any, **fields: Any) -> Repeat:
    of_step = step(10.0, 0.2, **fields)
    values = {each: getattr(of_step, each) for each in of_step.__struct_fields__}
    return Repeat(side=side, **{**values, "directory": f"all/{name}"})


def figure(side: Any, values: list[float], within: float | None = 0.01, **fields: Any) -> Any:
    mean = sum(values) / len(values)
    defaults: dict[str, Any] = {
        "metric": "latency",
        "statistic": "p95",
        "unit": "s",
        "between": max(values) - min(values),
    }
    return RepeatedFigure(
        side=side,
        values=values,
        mean=mean,
        low=mean - 0.5,
        high=mean + 0.5,
        within=within,
        **{**defaults, **fields},
    )


def repeats(**fields: Any) -> Repeats:
    """Two runs of each of two services."""
    pairing = Pairing(
        jobs_a=8, jobs_b=8, pairs=0, changed=0, only_a=8, only_b=8, unpaired_because="runs"
    )
    comparison = Comparison(
        schema_version=1,
        a="a",
        b="b",
        runs_a=["1", "4"],
        runs_b=["2", "3"],
        noise_between_runs="known",
        pairing=pairing,
        currency=None,
        total_cost_a=None,
        total_cost_b=None,
        level=0.95,
        seed=1,
        differences=[],
    )
    defaults: dict[str, Any] = {
        "schema_version": 1,
        "directory": HOSTILE,
        "started_at": datetime(2026, 6, 8, tzinfo=UTC),
        "repeats": 2,
        "base_url": "http://a.test",
        "against": "http://b.test",
        "runs": [
            run("01-a.run", "a"),
            run("02-b.run", "b", verdict="client-limited", why=["it stood still"]),
            run("03-b.run", "b", warmup_note="the warm-up was too short"),
            run("04-a.run", "a"),
        ],
        "figures": [
            figure("a", [0.2, 0.5]),
            figure("b", [0.2, 0.201]),
            figure("a", [9.0, 10.0], None, metric="requests per second", statistic="mean", unit=""),
        ],
        "comparison": comparison,
        "judged": [
            JudgedObjective(objective="p95(x) < 1", result="unclear", met=True, words="0.35 s")
        ],
        "reason": "interrupted",
    }
    return Repeats(**{**defaults, **fields})


def test_what_is_said_of_the_spread_between_runs() -> None:
    said = [each.text for each in repeat_remarks(repeats())]
    assert said == [
        "A: latency p95 varies by 85.7% between 2 runs, 30.0 times what chance within a run "
        "explains: a single run misleads",
        "A: requests per second varies by 10.5% between 2 runs",
        "B: latency p95 varies by 0.5% between 2 runs, no more than chance within a run explains",
        "02-b.run: client-limited, since it stood still",
        "03-b.run: the warm-up was too short",
        "ended early: interrupted",
    ]


def test_noise_between_runs_is_not_known_from_one() -> None:
    one = repeats(against=None, comparison=None, runs=[run("01.run", "a")], figures=[])
    assert next(repeat_remarks(one)).text == "noise between runs is not known from one run"
    assert "chart" not in re.sub(r"<style>.*?</style>", "", repeats_page(one), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("runs", "times", "beyond"), [(2, 1.9, False), (2, 2.0, True), (10, 1.4, True)]
)
def test_runs_differ_by_more_than_chance_at_5_percent(
    runs: int, times: float, beyond: bool
) -> None:
    """The chi-squared distribution's 95 % point by its degrees of freedom: 3.84 of 1, 1.88 of 9."""
    found = figure("a", [1.0] * runs, 0.1, between=0.1 * times)
    assert beyond_chance(found) == beyond
    assert not beyond_chance(figure("a", [1.0] * runs, None, between=0.1 * times))


def test_the_page_has_both_services_and_escapes_what_others_wrote() -> None:
    page = repeats_page(repeats())
    assert HOSTILE not in page
    for said in ("Over the runs of A", "Over the runs of B", "B beside A", "required of A"):
        assert said in page
    assert "2 runs as A and 2 as B" in page
    (data,) = re.findall(r'id="charts">(.*?)</script>', page)
    charts = {each["name"]: each["spec"] for each in json.loads(data)}
    assert sorted(charts) == ["latency-p95-by-run", "requests-per-second-by-run"]
    (scale,) = re.findall(
        r'"scale": (\{[^{}]*"zero"[^{}]*\})', json.dumps(charts["latency-p95-by-run"])
    )
    assert json.loads(scale) == {"zero": True}  # so that what hardly differs looks so
    # B's runs were the second and the third.
    (rows,) = charts["latency-p95-by-run"]["datasets"].values()
    of_b = [each for each in rows if each["service"] == "B"]
    assert [(each["run"], round(each["value"])) for each in of_b] == [(2, 200), (3, 201)]
    assert of_b[0]["low"] == pytest.approx(200 - 19.6)
    assert page == repeats_page(repeats())


def test_the_markdown_says_the_same() -> None:
    text = repeats_markdown(repeats())
    assert "| over the runs of B | mean of runs |" in text
    assert "| `p95(x) < 1` | unclear | `0.35 s` |" in text
    assert "`02-b.run: client-limited, since it stood still`" in text
    assert "\n\n\n" not in text


def test_a_share_is_at_most_all_whatever_few_runs_say() -> None:
    """Of two runs with 40 % and 45 % failed requests up to 110 % failed."""
    failed = figure("a", [0.6, 0.7], metric="failed", statistic="share", unit="share")
    (row,) = figure_rows(repeats(figures=[failed]), "a")
    assert row[:3] == ["failed", "65.00%", "15.00% to 100.00%"]
