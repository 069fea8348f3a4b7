"""`headrace report`: its output, its flags and what it says of bad input."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from markupsafe import Markup

from headrace.jobs import MachineFacts
from headrace.reports import write_steps, write_summary
from headrace.reports.cli import report
from headrace.runner.main import main

from .comparison.test_steps import step, steps
from .conftest import RunMaker
from .load_maker import LoadMaker, facts


@pytest.fixture
def directory(made: RunMaker) -> Path:
    made.job(0, cost=Decimal("0.5"))
    made.reading(0, "10.00", "0")
    made.reading(60, "9.40", "0.5")
    return made.write()


def test_json_is_summary_json(directory: Path) -> None:
    write_summary(directory)
    done = CliRunner().invoke(report, [str(directory), "--json"])
    assert done.exit_code == 0
    assert done.stdout == (directory / "summary.json").read_text()


def test_the_report_is_printed(directory: Path) -> None:
    done = CliRunner().invoke(report, [str(directory)])
    assert done.exit_code == 0
    assert done.stdout.startswith("jobs.run  finished\n  1 succeeded, 0 failed, 0 rejected\n")


def test_tolerance_decides_the_verdict(directory: Path) -> None:
    done = CliRunner().invoke(report, [str(directory), "--json", "--tolerance", "0.1"])
    assert json.loads(done.stdout)["balance"]["verdict"] == "agrees"
    done = CliRunner().invoke(report, [str(directory), "--json", "--tolerance", "0.099"])
    assert json.loads(done.stdout)["balance"]["verdict"] == "differs"


@pytest.mark.parametrize("amount", ["-1", "much", "nan", "inf", ""])
def test_a_tolerance_that_is_none_is_refused(directory: Path, amount: str) -> None:
    done = CliRunner().invoke(report, [str(directory), "--tolerance", amount])
    assert done.exit_code == 2
    assert "is not an amount of zero or more, such as 0.01" in done.stderr


def test_what_is_no_run_is_an_input_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(report, [str(tmp_path)])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"Error: {tmp_path} has no run.json: it is not a run directory; name the --out of a run\n"
    )


@pytest.mark.slow
def test_html_is_written_into_the_run_or_where_one_says(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))
    done = CliRunner().invoke(report, [str(directory), "--html"])
    assert (done.exit_code, done.stdout) == (0, f"Wrote {directory}/report.html\n")
    page = (directory / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    elsewhere = tmp_path / "elsewhere.html"
    done = CliRunner().invoke(report, ["--html", str(directory), "--out", str(elsewhere), "--json"])
    assert (done.exit_code, done.stderr) == (0, f"Wrote {elsewhere}\n")
    assert json.loads(done.stdout)["outcome"]["succeeded"] == 1
    assert elsewhere.read_text(encoding="utf-8") == page


@pytest.mark.slow
def test_the_tolerance_holds_for_the_page_too(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))
    CliRunner().invoke(report, [str(directory), "--html", "--tolerance", "0.1"])
    assert "and the account agrees" in (directory / "report.html").read_text(encoding="utf-8")


def test_in_a_pipe_no_line_is_folded_or_ends_in_blanks(
    made: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    message = " ".join(["the model is overloaded"] * 9)
    made.attempt(0, http_status=503, error_kind="http")
    made.result(0, status="failed", http_status=503, error_message=message)
    made.job(1, cost=Decimal("0.5"))
    made.job(2, model="other", cost=Decimal("0.25625"))
    directory = made.write()
    lines = CliRunner().invoke(report, [str(directory)]).stdout.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert len([line for line in lines if message in line]) == 1
    monkeypatch.setenv("COLUMNS", "80")
    narrow = CliRunner().invoke(report, [str(directory)]).stdout.splitlines()
    assert max(len(line) for line in narrow) <= 80
    assert [line for line in narrow if line != line.rstrip()] == []


def test_out_without_html_is_a_mistake(directory: Path) -> None:
    done = CliRunner().invoke(report, [str(directory), "--out", "x.html"])
    assert done.exit_code == 2
    assert "--out says where --html writes: give --html too" in done.stderr


def test_markdown_is_printed(directory: Path) -> None:
    done = CliRunner().invoke(report, [str(directory), "--md"])
    assert done.exit_code == 0
    assert done.stdout.startswith(
        "### `jobs.run`\n\nThe one job succeeded, in 60.0 s. It cost 0.5 CNY"
    )


@pytest.mark.slow
def test_a_plain_report_loads_nothing_of_the_page() -> None:
    code = (
        "import sys, reports, reports.cli, reports.terminal, reports.markdown;"
        "print([m for m in ('altair', 'vl_convert', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """What a sweep of two steps left."""
    folder = tmp_path / "sweep"
    folder.mkdir()
    write_steps(steps([step(10.0, 0.2), step(20.0, 0.5)]), folder / "steps.json")
    return folder


def test_a_sweep_is_reported_in_every_form(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.reports.html.page.script", lambda: Markup("draw()"))
    run = CliRunner().invoke
    shown = run(report, [str(sweep)])
    assert (shown.exit_code, "20/s" in shown.stdout) == (0, True)
    assert json.loads(run(report, [str(sweep), "--json"]).stdout)["directory"] == str(sweep)
    assert run(report, [str(sweep), "--md"]).stdout.startswith("### `")
    done = run(report, [str(sweep), "--html"])
    assert (done.exit_code, done.stdout) == (0, f"Wrote {sweep}/report.html\n")
    assert "Times by load" in (sweep / "report.html").read_text("utf-8")


def test_a_damaged_sweep_is_a_line(sweep: Path) -> None:
    (sweep / "steps.json").write_text("{")
    done = CliRunner().invoke(main, ["report", str(sweep)])
    assert done.exit_code == 2
    assert "steps.json is damaged" in done.output
    assert CliRunner().invoke(main, ["report", str(sweep), "--charts", "x"]).exit_code == 2


@pytest.mark.parametrize("command", ["status", "gate", "export", "join"])
def test_where_a_run_is_wanted_a_sweep_is_told_as_one(sweep: Path, command: str) -> None:
    """It was "not a run directory", and nothing was said of the runs in it."""
    (sweep / "01-10.run").mkdir()
    (sweep / "01-10.run" / "run.json").write_text("{}")
    further = {
        "gate": ["--require", "cost < 5"],
        "export": ["--to", "jsonl"],
        "join": ["--out", "out.csv"],
    }
    done = CliRunner().invoke(main, [command, str(sweep), *further.get(command, [])])
    assert done.exit_code == 2
    assert (
        f"{sweep} is a sweep or a search: `headrace report` shows it; or name one of its runs, "
        f"such as {sweep / '01-10.run'}"
    ) in " ".join(done.output.split())


@pytest.mark.slow
def test_the_verdict_of_an_old_run_is_judged_anew_by_another_client_error(made: RunMaker) -> None:
    made.prices = None
    made.load = facts(machine=MachineFacts(longest_stall_s=0.0))
    loaded = LoadMaker(made)
    for n in range(100):
        loaded.request(3.0 + n / 50, wait_s=0.05 if n < 5 else 0.0, latency_s=0.2, ttft_s=0.1)
    run = str(made.write())

    def verdict(*flags: str) -> str:
        done = CliRunner().invoke(main, ["report", run, "--json", *flags])
        said: str = json.loads(done.stdout)["load"]["verdict"]["verdict"]
        return said

    assert verdict() == "client-limited"
    assert verdict("--client-error", "60ms") == "valid"
    mistaken = CliRunner().invoke(main, ["report", run, "--trend", "--client-error", "1s"])
    assert mistaken.exit_code == 2
    assert "--client-error is of one load run" in mistaken.output
