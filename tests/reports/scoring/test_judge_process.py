"""`headrace score --judge` against a gateway on loopback: what is asked, kept and paid."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest
from click.testing import CliRunner, Result

from headrace.gateway import AnswerRule
from headrace.reports import summarise
from headrace.runner.main import main
from tests.loopback import Loopback, loopback, write_prices
from tests.reports.conftest import RunMaker

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
JUDGE = """\
model = "deepseek-v4-flash"
prompt = "Rate {{ text }}"
scale = [0, 10]
votes = 3
max_tokens = 8

[run]
rpm = 60_000
tpm = "none"
concurrency = 1
prices = "prices.toml"
"""
RULES = (
    AnswerRule(equals="Rate good", answer="I say 8"),
    AnswerRule(equals="Rate bad", answer="2"),
    AnswerRule(equals="Rate odd", answer="Who knows?"),
)
TEXTS = ("good", "bad", "odd", "good")
VOTES = 3 * len(TEXTS)


@pytest.fixture
def answers(made: RunMaker) -> RunMaker:
    for index, text in enumerate(TEXTS):
        made.job(index, text=text)
    made.write()
    Path("judge.toml").write_text(JUDGE)
    write_prices(Path())
    return made


@pytest.fixture
def served() -> Iterator[Loopback]:
    with loopback(*RULES) as found:
        yield found


def scored(served: Loopback, *flags: str, **environment: str) -> Result:
    words = ["score", "jobs.run", "--judge", "judge.toml", *flags]
    return CliRunner().invoke(main, words, env={**served.environment, **environment})


def scores() -> list[tuple[object, ...]]:
    return pl.read_parquet("jobs.run/scores/judge/*.parquet").select("score", "reason").rows()


def attempts() -> pl.DataFrame:
    return pl.read_parquet("jobs.run/scores/judge/votes.run/attempts/*.parquet")


def test_every_vote_is_kept_and_paid_once(answers: RunMaker, served: Loopback) -> None:
    """Limits, costs and the check of the balance are those of any run."""
    assert scored(served).exit_code == 0
    none = (None, "the judge gave no number from 0 to 10")
    assert scores() == [(8.0, None), (2.0, None), none, (8.0, None)]
    votes = Path("jobs.run/scores/judge/votes.run")
    texts = pl.read_parquet(votes / "results" / "*.parquet").sort("index")["text"].to_list()
    assert texts == [*["I say 8"] * 3, *["2"] * 3, *["Who knows?"] * 3, *["I say 8"] * 3]
    assert served.posts == VOTES
    assert served.charged == attempts()["cost"].sum() > 0
    summary = summarise(votes)
    assert summary.balance.difference == 0
    manifest = msgspec.json.decode((votes / "run.json").read_bytes())
    assert manifest["sessions"][-1]["limits"]["rpm"] == 60_000
    # Asked again, the judge is asked nothing.
    assert scored(served).exit_code == 0
    assert served.posts == VOTES


def test_a_budget_stops_the_judge_and_a_larger_one_resumes_it(
    answers: RunMaker, served: Loopback
) -> None:
    stopped = scored(served, "--max-cost", "0.02")
    assert stopped.exit_code == 3
    assert "the judge's run stopped; the same command resumes it" in stopped.stderr
    assert 0 < served.posts < VOTES, (served.charged, stopped.output)
    assert served.charged <= Decimal("0.02")
    assert scores()[-1] == (None, "the judge has not answered")
    assert scored(served).exit_code == 0
    assert (served.posts, scores()[-1]) == (VOTES, (8.0, None))


def test_a_key_that_is_refused_scores_nothing(answers: RunMaker, served: Loopback) -> None:
    assert scored(served, HEADRACE_API_KEY="sk-of-another").exit_code == 5
    assert scores() == [(None, "the judge has not answered")] * len(TEXTS)
    assert scored(served).exit_code == 0
    assert scores()[0] == (8.0, None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_judge_ends_with_whoever_asked_it(answers: RunMaker, number: signal.Signals) -> None:
    """Killed, its run went on to spend; terminated, it was left alone, too."""
    with loopback(*RULES, ttft_s=0.05) as served:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "headrace", "score", "jobs.run", "--judge", "judge.toml"],
            env={**os.environ, **served.environment, "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        served.wait_for_posts(2)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)  # the run of the votes has it open, too
        code = 143 if number == signal.SIGTERM else -number
        assert process.returncode == code, said
        assert served.posts < VOTES
        state = msgspec.json.decode(Path("jobs.run/scores/judge/votes.run/run.json").read_bytes())
        assert state["sessions"][-1]["state"] == "interrupted"
        assert scored(served).exit_code == 0
        assert served.posts == VOTES == len(attempts())
        assert scores()[0] == (8.0, None)


def test_a_ceiling_without_a_judge_is_one_line(answers: RunMaker, served: Loopback) -> None:
    words = ["score", "jobs.run", "--with", "exact", "--max-cost"]
    none, bad = (CliRunner().invoke(main, [*words, amount]) for amount in ("1", "-1"))
    assert (none.exit_code, bad.exit_code) == (2, 2)
    assert "--max-cost is of a judge's votes" in none.stderr
    assert "'-1' is not an amount above zero; write it like 2.50" in bad.stderr
