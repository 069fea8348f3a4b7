"""`headrace report`: its output, its flags and what it says of bad input."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from reports import write_summary
from reports.cli import report

from .conftest import RunMaker


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
    assert "is no amount of zero or more, such as 0.01" in done.stderr


def test_what_is_no_run_is_an_input_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(report, [str(tmp_path)])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"Error: {tmp_path} has no run.json: it is no run directory; name the --out of a run\n"
    )
