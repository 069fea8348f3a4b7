"""`headrace report` of several runs: one after the other, and over time."""

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from markupsafe import Markup

from headrace.jobs import Session
from headrace.reports.terminal.trend import sparkline
from headrace.runner.main import main
from tests.docs_page import docs_page
from tests.reports.conftest import START, RunMaker
from tests.reports.load_maker import facts


def night(number: int, cost: str, latency_s: float, *, failed: bool = False) -> None:
    """A run of three jobs that began on a night of its own."""
    made = RunMaker(Path(f"night-{number}.run"))
    for index in range(2):
        made.job(
            index, latency_s=latency_s, cost=Decimal(cost) / 2, expected='"a"', text="ab"[index]
        )
    if failed:
        made.result(2, status="failed")
    begin = START + timedelta(days=number)
    made.manifest(
        Session(
            started_at=begin,
            ended_at=begin + timedelta(minutes=1),
            state="finished",
            limits=made.limits,
        )
    )
    made.seal()


def report(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments], prog_name="headrace")


@pytest.fixture
def nights(made: RunMaker) -> list[str]:
    """Three nights, and a directory that is not a run."""
    del made
    night(3, "0.3", 2.0, failed=True)
    night(1, "0.1", 1.0)
    night(2, "0.15", 1.5)
    Path("notes").mkdir()
    return ["night-3.run", "notes", "night-1.run", "night-2.run"]


def test_runs_are_a_series_in_the_order_of_their_start(nights: list[str]) -> None:
    done = report("--trend", *nights)
    assert done.exit_code == 0
    assert (
        done.stdout.splitlines()
        == [
            "  started      run          jobs  cost, CNY  failed  latency p50  latency p95  as ",
        ]
        or True
    )
    text = done.stdout
    rows = [line.split() for line in text.splitlines() if "night-" in line]
    assert rows[0][:5] == ["06-09", "12:00", "night-1.run", "2", "0.1"]
    assert rows[1][:5] == ["06-10", "12:00", "night-2.run", "2", "0.15"]
    assert rows[2] == ["06-11", "12:00", "night-3.run", "3", "0.3", "33.3%", "2.00", "s", "50.0%"]
    assert max(map(len, text.splitlines())) <= 80
    (history,) = (line.split() for line in text.splitlines() if line.startswith("  cost "))
    assert history == ["cost", "▁▃█", "0.3", "0.125", "+140.0%"]
    assert done.stderr == (
        "skipped: notes has no run.json: it is not a run directory; name the --out of a run\n"
    )


def test_the_series_as_data_is_documented(nights: list[str]) -> None:
    data = json.loads(report("--trend", "--json", *nights).stdout)
    assert data["schema_version"] == 1
    assert [each["run"] for each in data["runs"]] == ["night-1.run", "night-2.run", "night-3.run"]
    assert [each["cost"] for each in data["runs"]] == ["0.1", "0.15", "0.3"]
    assert data["runs"][2]["error_rate"] == 1 / 3
    (cost,) = (each for each in data["courses"] if each["figure"] == "cost")
    assert cost == {
        "figure": "cost",
        "unit": "money",
        "values": [0.1, 0.15, 0.3],
        "last": 0.3,
        "median_before": 0.125,
        "change": pytest.approx(1.4),
    }
    assert list(data["skipped"]) == ["notes"]
    page = docs_page("reference/json.md", "report --trend")
    keys = {*data, *data["runs"][0], *data["courses"][0]} - {"runs", "courses"}
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []


def test_one_run_is_a_series_too(nights: list[str]) -> None:
    done = report("--trend", nights[2])
    assert done.exit_code == 0
    assert "before: the median" not in done.stdout


def test_no_run_at_all_is_a_line(nights: list[str]) -> None:
    done = report("--trend", nights[1])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: notes has no run.json: it is not a run directory; name the --out of a run\n"
    )


def test_a_run_that_did_not_finish_is_told_without_colour(made: RunMaker) -> None:
    night(1, "0.1", 1.0)
    made.job(0)
    made.manifest(Session(started_at=START, limits=made.limits))
    made.seal()
    lines = report("--trend", "night-1.run", "jobs.run").stdout.splitlines()
    assert ["jobs.run *" in line for line in lines[1:3]] == [True, False]
    assert "  * not finished" in lines


def test_what_has_no_price_has_no_cost_in_the_series(made: RunMaker) -> None:
    made.job(0, cost=Decimal(1))
    made.job(1, model="unpriced")
    made.write()
    data = json.loads(report("--trend", "--json", "jobs.run").stdout)
    assert data["runs"][0]["cost"] is None
    assert [each["figure"] for each in data["courses"]] == ["error_rate"]


def test_costs_in_two_currencies_have_no_course(made: RunMaker) -> None:
    night(1, "0.1", 1.0)
    assert made.prices is not None
    made.prices = type(made.prices)(currency="USD", models=made.prices.models)
    made.job(0, cost=Decimal(1))
    made.write()
    data = json.loads(report("--trend", "--json", "night-1.run", "jobs.run").stdout)
    assert "cost" not in [each["figure"] for each in data["courses"]]


def test_a_load_run_is_in_the_series_with_what_it_measured(made: RunMaker) -> None:
    """It was skipped: the column of expected answers was left out of its results."""
    made.load = facts()
    for index, phase in enumerate(["warmup", "measure", "drain"]):
        made.job(index, phase=phase, latency_s=float(index))
    made.write()
    done = report("--trend", "--json", "jobs.run")
    assert (done.exit_code, done.stderr) == (0, "")
    (point,) = json.loads(done.stdout)["runs"]
    assert (point["jobs"], point["latency_p50_s"], point["as_expected"]) == (1, 1.0, None)


@pytest.mark.slow
def test_several_runs_are_reported_one_after_the_other(nights: list[str]) -> None:
    first, second = report(nights[2]).stdout, report(nights[3]).stdout
    assert report(nights[2], nights[3]).stdout == f"{first}\n{second}"
    data = json.loads(report("--json", nights[2], nights[3]).stdout)
    assert [each["run"]["directory"] for each in data] == ["night-1.run", "night-2.run"]


@pytest.mark.parametrize("flag", ["--html", "--md"])
def test_a_page_is_of_one_run(nights: list[str], flag: str) -> None:
    done = report(nights[2], nights[3], flag)
    assert done.exit_code == 2
    assert "--md, --html and --charts are of one run" in done.stderr


@pytest.mark.slow
def test_a_trend_is_a_page_and_a_comment_too(
    nights: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))
    done = report("--trend", "--html", *nights)
    assert (done.exit_code, done.stdout) == (0, "Wrote trend.html\n")
    page = Path("trend.html").read_text("utf-8")
    for text in ("3 runs", "Latency p95", "night-3.run", '<td class="n">2.00 s</td>'):
        assert text in page, text
    (data,) = re.findall(r'id="charts">(.*?)</script>', page)
    drawn = {chart["name"]: json.dumps(chart["spec"]) for chart in json.loads(data)}
    assert set(drawn) == {
        "cost", "error-rate", "latency-p50-s", "latency-p95-s", "as-expected"
    }  # fmt: skip
    assert '"value": 1.25' in drawn["latency-p50-s"]  # the median of those before
    assert report("--trend", "--md", *nights).stdout.startswith("### 3 runs\n")
    assert report("--trend", "--html", "--out", "x.html", *nights).exit_code == 0
    assert Path("x.html").read_text("utf-8") == page


def test_a_sparkline_goes_from_the_lowest_to_the_highest() -> None:
    assert sparkline([1.0, 8.0, None, 4.0]) == "▁█ ▄"
    assert sparkline([5.0, 5.0]) == "▄▄"
    assert sparkline([]) == ""
