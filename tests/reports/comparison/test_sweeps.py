"""`headrace compare SWEEP_A SWEEP_B`: curves of throughput against latency."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from markupsafe import Markup

from headrace.reports import Step, write_steps
from headrace.reports.comparison import Sweeps, per_user, sweep_remarks
from headrace.reports.comparison.sweeps import letter
from headrace.reports.html import steps_page
from headrace.runner.main import main

from .test_steps import step, steps

LOADS = {"a": ((10.0, 0.2), (20.0, 0.25)), "b": ((10.0, 0.3), (20.0, 0.8), (40.0, 3.0))}


def measured(load: float, latency_s: float, **fields: Any) -> Step:
    known = {"requests_per_s": load * 0.9, "output_tokens_per_s": load * 20, "in_flight": load / 4}
    return step(load, latency_s, **{**known, "goodput_per_s": load * 0.5, **fields})


@pytest.fixture
def sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweeps:
    """Two sweeps in the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))
    made = []
    for name, loads in LOADS.items():
        Path(name).mkdir()
        rising = {"rising": True} if name == "b" else {}
        found = steps([measured(*each, **rising) for each in loads], directory=name)
        write_steps(found, Path(name) / "steps.json")
        made.append(found)
    return Sweeps(schema_version=1, sweeps=made)


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments], env={"COLUMNS": "80"})


def test_what_is_said_of_two_sweeps(sweeps: Sweeps) -> None:
    assert [each.text for each in sweep_remarks(sweeps)][:4] == [
        "A answers at most 18/s, at 20/s with a latency p95 of 250 ms; its goodput is at most "
        "10/s, at 20/s",
        "B answers at most 36/s, at 40/s with a latency p95 of 3.00 s; its goodput is at most "
        "20/s, at 40/s",
        "at 20/s B's latency p95 is 800 ms, A's 250 ms (3.2 times A's); a user gets 80 tokens/s, "
        "of A 80",
        "one run for each load: noise between runs is not known; load --repeats tells it",
    ]


def test_the_terminal_has_a_row_for_each_load_of_each(sweeps: Sweeps) -> None:
    done = compare("a", "b")
    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines() if "ms" in line or " s" in line]
    assert rows[2][:7] == ["20/s", "A", "18", "10", "0.0%", "400", "80"]
    assert rows[3][:6] == ["B", "18", "10", "0.0%", "400", "80"]
    table = [line for line in done.stdout.splitlines() if re.match(r" +(\S+/s)? +[AB]  ", line)]
    assert len(table) == 5
    assert max(map(len, table)) <= 80
    assert "B at 40/s: still rising" in done.stdout
    assert len(sweeps.sweeps) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("sweeps")
def test_data_markdown_and_the_page_say_the_same() -> None:
    data = json.loads(compare("a", "b", "--json").stdout)
    assert [each["directory"] for each in data["sweeps"]] == ["a", "b"]
    text = compare("a", "b", "--md").stdout
    assert "| 40/s | B | 36 | 20 | 0.0% | 800 | 80 |" in text
    assert compare("a", "b", "--html", "out.html").exit_code == 0
    page = Path("out.html").read_text("utf-8")
    (drawn,) = re.findall(r'id="charts">(.*?)</script>', page)
    charts = {each["name"]: json.dumps(each["spec"]) for each in json.loads(drawn)}
    assert sorted(charts) == ["throughput-by-latency", "throughput-by-user"]
    assert (
        '"curve": "B, b", "figure": "goodput", "load": 40.0, "asked": "40/s", "x": 3.0'
        in (charts["throughput-by-latency"])
    )
    assert "A, a, 10/s: 9/s answered at a latency p95 of 200 ms" in page


@pytest.mark.slow
def test_without_objectives_there_is_no_goodput(sweeps: Sweeps) -> None:
    plain = steps([measured(*each, goodput_per_s=None) for each in LOADS["a"]], directory="c")
    Path("c").mkdir()
    write_steps(plain, Path("c/steps.json"))
    assert "goodput" not in compare("c", "c").stdout
    assert "goodput" in compare("a", "c").stdout
    page = steps_page(plain)
    assert "Throughput against latency" in page
    assert "with goodput" not in page
    assert "with goodput" in steps_page(sweeps.sweeps[0])


@pytest.mark.usefixtures("sweeps")
def test_other_loads_have_curves_alone() -> None:
    Path("c").mkdir()
    write_steps(steps([measured(7.0, 0.2)], directory="c"), Path("c/steps.json"))
    said = " ".join(compare("a", "c").stdout.split())
    assert "no load was asked of both that has answers; compare the curves" in said
    nothing = steps([measured(7.0, 0.2, requests_per_s=None)], directory="d")
    Path("d").mkdir()
    write_steps(nothing, Path("d/steps.json"))
    assert "B: nothing was answered" in compare("a", "d").stdout


@pytest.mark.usefixtures("sweeps")
def test_a_sweep_beside_a_run_is_one_line() -> None:
    Path("r").mkdir()
    done = compare("a", "r")
    assert done.exit_code == 2
    assert "r is not a sweep or a search; compare sweeps with sweeps" in done.stderr


def test_what_a_user_gets_is_of_all_over_those_under_way() -> None:
    assert per_user(measured(10.0, 0.2)) == 80.0
    assert per_user(measured(10.0, 0.2, in_flight=0.0)) is None
    assert [letter(n) for n in (0, 25, 26, 52)] == ["A", "Z", "AA", "BA"]
