"""What is said of a night that was cut short."""

from pathlib import Path

from headrace.jobs import Session
from headrace.reports.night_files import write_cut_night
from headrace.reports.nights import CutNight, cut_markdown, cut_night
from headrace.reports.scores import VOTES_RUN

from ..conftest import START, RunMaker, at


def cut(run: Path, why: str = "") -> CutNight:
    return cut_night(run, date="2026-06-08", eval_file="e.toml", exit_code=3, why=why)


def stopped(run: RunMaker, reason: str | None, state: str = "stopped") -> None:
    run.manifest(
        Session(
            started_at=START,
            ended_at=at(60),
            state=state,  # type: ignore[arg-type]
            reason=reason,
            limits=run.limits,
        )
    )


def test_the_runs_own_reason_is_why(made: RunMaker) -> None:
    made.job(0)
    made.result(1, status="failed")
    stopped(made, "the budget is spent | `x`")
    made.seal()
    night = cut(made.directory)
    assert (night.verdict, night.exit_code, night.jobs, night.failed) == ("cut short", 3, 2, 1)
    assert (night.why, night.currency) == ("the budget is spent | `x`", "CNY")
    said = cut_markdown(night)
    assert said.startswith("### 2026-06-08: cut short, not judged\n\nExit code 3: ``")
    assert "- `1 of 2 jobs succeeded, 1 failed, in " in said
    assert said.endswith("the same command resumes it.\n")
    assert cut(made.directory, why="interrupted").why == "interrupted"


def test_where_the_run_ended_the_judges_says_why(made: RunMaker) -> None:
    made.job(0)
    made.write()
    assert cut(made.directory).why == "it ended with exit code 3"
    (made.directory / "scores" / "judge").mkdir(parents=True)
    votes = RunMaker(made.directory / "scores" / "judge" / VOTES_RUN)
    stopped(votes, "the next job may cost too much")
    votes.seal()
    assert cut(made.directory).why == "the judge's run stopped: the next job may cost too much"
    stopped(votes, None, "interrupted")
    assert cut(made.directory).why == "the judge's run stopped: interrupted"


def test_a_run_that_cant_be_read_has_no_counts(made: RunMaker) -> None:
    made.directory.mkdir()
    night = cut(made.directory)
    assert (night.jobs, night.cost, night.why) == (None, None, "it ended with exit code 3")
    assert "has no run.json" in night.said[0]


def test_files_of_an_earlier_start_say_nothing_else(made: RunMaker) -> None:
    made.job(0)
    made.write()
    for name in ("night.html", "junit.xml"):
        (made.directory / name).write_text("good")
    files = write_cut_night(cut(made.directory), made.directory)
    assert [each.name for each in files] == ["night.md", "night.json"]
    left = {each.name for each in made.directory.iterdir() if each.is_file()}
    assert left == {"run.json", "night.md", "night.json"}
