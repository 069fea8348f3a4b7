"""Nights through the command against a gateway on loopback: what a day may cost, with its judges,
and nights that are ended in the middle."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from headrace.gateway import AnswerRule
from headrace.runner.main import main
from tests.loopback import MODEL, Loopback, loopback, write_prices

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
QUESTIONS = 6
EVAL = """\
data = "questions.csv"
recipe = "ask.toml"
runs = "runs"
judge = "judge.toml"
require = ["mean(judge) >= 0.5"]

[run]
prices = "prices.toml"
rpm = "none"
tpm = "none"
concurrency = 1
"""
RECIPE = f'model = "{MODEL}"\nid = "id"\nuser = "{{{{ question }}}}"\nmax_tokens = 4\n'
JUDGE = f"""\
model = "{MODEL}"
prompt = "Rate {{{{ text }}}}"
max_tokens = 4

[run]
rpm = "none"
tpm = "none"
concurrency = 1
prices = "prices.toml"
"""
RULES = (AnswerRule(contains="Rate", answer="1"), AnswerRule(contains="", answer="yes"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An eval in the current directory."""
    monkeypatch.chdir(tmp_path)
    rows = [f"q{n},question {n}?" for n in range(QUESTIONS)]
    (tmp_path / "questions.csv").write_text("\n".join(["id,question", *rows, ""]))
    (tmp_path / "ask.toml").write_text(RECIPE)
    (tmp_path / "judge.toml").write_text(JUDGE)
    (tmp_path / "eval.toml").write_text(EVAL)
    write_prices(tmp_path)
    return tmp_path


@pytest.fixture
def served() -> Iterator[Loopback]:
    with loopback(*RULES) as found:
        yield found


def night(served: Loopback, *flags: str, **environment: str) -> Result:
    words = ["nightly", "eval.toml", *flags]
    return CliRunner().invoke(main, words, env={**served.environment, **environment})


def budget(folder: Path, amount: Decimal) -> None:
    (folder / "eval.toml").write_text(f"{EVAL}max-cost = {amount:f}\n")


def test_a_judge_counts_in_what_the_day_may_cost(folder: Path, served: Loopback) -> None:
    """Its votes were paid beside the budget: of this night, and of the others of the day."""
    budget(folder, Decimal(1))
    assert night(served, "--date", "2026-06-08").exit_code == 0
    first = served.charged
    assert served.posts == 2 * QUESTIONS
    # The next has room for its answers, and for some of the votes on them.
    day = (first * Decimal("1.85")).quantize(Decimal("0.0001"))
    budget(folder, day)
    stopped = night(served, "--date", "2026-06-09", "--md")
    assert stopped.exit_code == 3
    assert 3 * QUESTIONS < served.posts < 4 * QUESTIONS, (first, day, stopped.output)
    assert first < served.charged <= day
    assert stopped.stdout == (folder / "runs/latest/night.md").read_text()
    assert "### 2026-06-09: cut short, not judged" in stopped.stdout
    assert "the judge's run stopped: " in stopped.stdout
    assert not (folder / "runs/latest/junit.xml").exists()
    # With more to spend it continues, and asks nothing twice.
    budget(folder, Decimal(1))
    again = night(served, "--date", "2026-06-09", "--json")
    assert again.exit_code == 0
    assert served.posts == 4 * QUESTIONS
    report = msgspec.json.decode(again.stdout)
    assert report["verdict"] == "good"
    assert any(each.startswith("the votes of judge cost 0.0") for each in report["notes"])


def test_a_night_that_is_killed_in_the_middle_is_resumed(folder: Path) -> None:
    """While its judge is asked: what was answered is asked no more, and no other night begins."""
    with loopback(*RULES, ttft_s=0.05) as served:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "headrace", "nightly", "eval.toml", "--md"],
            env={**os.environ, **served.environment, "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        served.wait_for_posts(QUESTIONS + 2)
        process.kill()
        said, _ = process.communicate(timeout=30)  # the judge's run has ended, too
        assert (process.returncode, said) == (-signal.SIGKILL, b"")
        assert served.posts < 2 * QUESTIONS
        runs = folder / "runs"
        assert [each.name for each in runs.iterdir() if each.is_symlink()] == ["latest"]
        (begun,) = runs.glob("*.run")
        assert night(served).exit_code == 0
        assert [*runs.glob("*.run")] == [begun]
        assert {(runs / name).readlink().name for name in ("latest", "last-good")} == {begun.name}
        # One attempt at most was under way when it was killed.
        assert 2 * QUESTIONS <= served.posts <= 2 * QUESTIONS + 1
