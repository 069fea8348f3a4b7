"""`headrace score --judge` against a gateway on loopback: what is asked, kept and paid."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest
from click.testing import CliRunner, Result

from headrace.gateway import AnswerRule
from headrace.reports import summarise
from headrace.reports.scoring import Judge, judge_child, judge_process
from headrace.reports.scoring.judge_process import ask_judge
from headrace.runner.main import main
from tests.loopback import Loopback, loopback, write_prices
from tests.reports.conftest import RunMaker

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


def voted() -> pl.DataFrame:
    return pl.read_parquet("jobs.run/scores/judge/votes.run/results/*.parquet")


def attempts() -> pl.DataFrame:
    return pl.read_parquet("jobs.run/scores/judge/votes.run/attempts/*.parquet")


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_stops_the_judge_is_its_exit_code_and_the_same_command_resumes_it(
    answers: RunMaker, served: Loopback
) -> None:
    """A key that is refused, then a budget that is too small."""
    assert scored(served, HEADRACE_API_KEY="sk-of-another").exit_code == 5
    assert scores() == [(None, "the judge has not answered")] * len(TEXTS)
    stopped = scored(served, "--max-cost", "0.02")
    assert stopped.exit_code == 3
    assert "the judge's run stopped; the same command resumes it" in stopped.stderr
    assert 0 < len(voted()) < VOTES
    assert served.charged <= Decimal("0.02")
    assert scores()[-1] == (None, "the judge has not answered")
    assert scored(served).exit_code == 0
    assert (len(voted()), scores()[-1]) == (VOTES, (8.0, None))
    assert served.charged == attempts()["cost"].sum()


@pytest.mark.slow
def test_the_judge_ends_with_whoever_asked_it(answers: RunMaker) -> None:
    """Its run continued to spend after a kill."""
    with loopback(*RULES, ttft_s=0.05) as served:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "headrace", "score", "jobs.run", "--judge", "judge.toml"],
            env={**os.environ, **served.environment, "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        served.wait_for_posts(2)
        process.kill()
        process.communicate(timeout=30)  # until the run of the votes has ended, too
        assert served.posts < VOTES
        state = msgspec.json.decode(Path("jobs.run/scores/judge/votes.run/run.json").read_bytes())
        assert state["sessions"][-1]["state"] == "interrupted"
        assert scored(served).exit_code == 0
        assert served.posts == VOTES == len(attempts())
        assert scores()[0] == (8.0, None)


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that stands in for the judge's run, and is given its arguments."""
    path = tmp_path / "child.py"
    monkeypatch.setattr(judge_process, "CHILD", path)
    return path


def test_the_run_of_the_votes_is_told_what_judge_toml_says(tmp_path: Path, child: Path) -> None:
    child.write_text(
        f"import sys; open({str(tmp_path / 'o')!r}, 'w').write(' '.join(sys.argv[1:]))"
    )
    judge = Judge(model="j", prompt="{{ text }}", run={"rpm": 6, "yes": True, "strict": False})
    assert ask_judge(tmp_path / "f", judge) == 0
    said = (tmp_path / "o").read_text().replace(str(tmp_path), "")
    assert said == "run /f/jobs.jsonl --out=/f/votes.run --rerun-changed --rpm=6 --yes"


def test_a_signal_is_handed_on_and_the_child_ends_in_its_own_time(
    tmp_path: Path, child: Path
) -> None:
    child.write_text(
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "os.kill(os.getppid(), signal.SIGTERM)\n"
        "signal.pause()\n"
    )
    before = signal.getsignal(signal.SIGTERM)
    assert ask_judge(tmp_path, Judge(model="j", prompt="{{ text }}")) == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_beside_the_main_thread_the_signals_are_left_alone(tmp_path: Path, child: Path) -> None:
    child.write_text("import sys; sys.exit(5)")
    codes: list[int] = []
    judge = Judge(model="j", prompt="{{ text }}")
    thread = threading.Thread(target=lambda: codes.append(ask_judge(tmp_path, judge)))
    thread.start()
    thread.join()
    assert codes == [5]


def test_the_child_stops_where_its_input_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[tuple[int, int]] = []
    reads = iter([b"x", b""])
    monkeypatch.setattr(os, "read", lambda *_: next(reads))
    monkeypatch.setattr(os, "kill", lambda *words: stopped.append(words))
    judge_child.stop_at_end_of_input()
    assert stopped == [(os.getpid(), signal.SIGTERM)]


@pytest.mark.parametrize(
    ("own", "given", "most"),
    [
        (None, None, None),
        (None, "2", "2"),
        (1, "2", 1),
        (3, "2", "2"),
        ("1.5", "2", "1.5"),
        ("much", "2", "much"),  # which the run refuses
    ],
)
def test_the_lower_ceiling_holds(own: object, given: str | None, most: object) -> None:
    run = {} if own is None else {"max-cost": own}
    judge = Judge(model="j", prompt="{{ text }}", run=run)
    capped = judge.costing_at_most(None if given is None else Decimal(given))
    assert capped.run.get("max-cost") == most


def test_a_ceiling_without_a_judge_is_one_line(answers: RunMaker, served: Loopback) -> None:
    words = ["score", "jobs.run", "--with", "exact", "--max-cost"]
    none, bad = (CliRunner().invoke(main, [*words, amount]) for amount in ("1", "-1"))
    assert (none.exit_code, bad.exit_code) == (2, 2)
    assert "--max-cost is of a judge's votes" in none.stderr
    assert "'-1' is not an amount above zero; write it like 2.50" in bad.stderr
