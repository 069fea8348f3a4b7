"""A score beside one that another scorer made is refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.reports.scores import scorer_of
from headrace.reports.scoring import Named, score_run
from headrace.runner.main import main

from ..conftest import RunMaker


def scored(run: RunMaker, spec: str) -> Path:
    for index in range(6):
        run.job(index, text=str(index), expected="3")
    run.write()
    score_run(run.directory, [Named("number", scorer_of(spec))])
    return run.directory


def gate(run: Path, base: Path, condition: str) -> Result:
    arguments = ["gate", str(run), "--base", str(base), "--require", condition]
    return CliRunner().invoke(main, arguments, prog_name="headrace")


@pytest.fixture
def base(made: RunMaker) -> Path:
    return scored(RunMaker(made.directory.with_name("base.run")), "number:1")


@pytest.mark.slow
def test_two_scorers_of_one_name_are_refused(made: RunMaker, base: Path) -> None:
    """3 answers of 6 are within 1 of it, and one is it: no model got worse."""
    run = scored(made, "number")
    done = gate(run, base, "mean(number) >= base")
    assert done.exit_code == 2
    said = "number was scored by number in jobs.run and by number:1 in base.run: score both alike"
    assert said in done.stderr
    assert gate(run, base, "mean(number) > 10%").exit_code == 0
    assert gate(run, base, "mean(number) > 10% and as_expected >= base").exit_code == 0


def test_the_same_scorer_is_not(made: RunMaker, base: Path) -> None:
    run = scored(made, "number:1")
    assert gate(run, base, "mean(number) >= base").exit_code == 0
