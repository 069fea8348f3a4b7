"""The command `headrace score`."""

import json

from click.testing import CliRunner, Result

from headrace.reports.scoring.cli import score
from tests.reports.conftest import RunMaker


def called(*arguments: str) -> Result:
    return CliRunner().invoke(score, arguments)


def test_scores_are_shown(made: RunMaker) -> None:
    made.job(0, text="is 41", expected="42")
    made.result(1, status="failed")
    made.write()
    shown = called(str(made.directory), "--with", "number:1", "--with", "exact")
    assert (shown.exit_code, shown.stderr) == (0, "")
    lines = [line.split() for line in shown.stdout.splitlines() if line]
    assert lines[2] == ["exact", "0.0%", "-", "1", "2"]
    assert lines[3] == ["number", "number:1", "100.0%", "-", "1", "2"]
    assert "exact: 1 job without a score: failed" in shown.stdout


def test_json_has_the_figures(made: RunMaker) -> None:
    made.job(0, text="42", expected="42")
    made.write()
    shown = called(str(made.directory), "--with", "exact", "--name", "mine", "--json")
    data = json.loads(shown.stdout)
    assert (data["schema_version"], data["run"]) == (1, str(made.directory))
    (figures,) = data["scores"]
    assert (figures["name"], figures["scorer"], figures["mean"]) == ("mine", "exact", 1.0)


def test_wrong_usage_is_one_line(made: RunMaker) -> None:
    run = str(made.directory)
    made.write()
    none, several = called(run), called(run, "--with", "exact", "--with", "f1", "--name", "x")
    taken = called(run, "--with", "exact", "--name", "cost")
    nowhere = called(run + "x", "--with", "exact")
    assert [each.exit_code for each in (none, several, taken, nowhere)] == [2, 2, 2, 2]
    assert "no scorer: give --with" in none.stderr
    assert "--name is of one score" in several.stderr
    assert "'cost' is a column already" in taken.stderr
    assert "is not there" in nowhere.stderr
