"""A judge's votes: what it is asked, and what becomes of its answers."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import polars as pl
import pytest

from headrace.jobs import InputError
from headrace.reports.scores import VOTES_RUN
from headrace.reports.scoring import Judge, judge_run_answers
from headrace.reports.scoring.judge_process import ask_judge
from tests.reports.conftest import RunMaker

JUDGE = Judge(model="j", prompt="{{ text }} of {{ expected }}?", scale=(1.0, 5.0), votes=2)


def voting(*texts: str | None) -> Callable[[Path, Judge], int]:
    """A run that answers the judge's jobs, in the order of their lines, with these texts."""

    def ask(folder: Path, _judge: Judge) -> int:
        votes = RunMaker(folder / VOTES_RUN)
        lines = (folder / "jobs.jsonl").read_bytes().splitlines()
        jobs = [(index, line) for index, line in enumerate(lines) if line]
        for (index, _), text in zip(jobs, texts, strict=False):
            if text is None:
                votes.result(index, status="failed")
            else:
                votes.job(index, text=text)
        votes.write()
        return 1

    return ask


def scores(run: RunMaker) -> list[tuple[object, ...]]:
    return pl.read_parquet(run.directory / "scores" / "judge" / "*.parquet").rows()


@pytest.fixture
def answers(made: RunMaker) -> RunMaker:
    """Two answers with something expected, one without, and a failed job between."""
    made.job(0, text="A", expected='"B"')
    made.result(1, status="failed")
    made.job(2, text="C", expected='["D", "E"]')
    made.job(3, text="F")
    made.write()
    return made


def test_each_answer_is_asked_about_once_for_each_vote(answers: RunMaker) -> None:
    judge_run_answers(answers.directory, JUDGE, "judge", voting())
    lines = (answers.directory / "scores" / "judge" / "jobs.jsonl").read_bytes().splitlines()
    jobs = [(n, msgspec.json.decode(line)) for n, line in enumerate(lines) if line]
    assert [(n, job["custom_id"]) for n, job in jobs] == [
        (0, "job-0-s1"),
        (1, "job-0-s2"),
        (4, "job-2-s1"),
        (5, "job-2-s2"),
    ]
    texts = [job["body"]["messages"][-1]["content"] for _, job in jobs]
    assert texts == ["A of B?", "A of B?", "C of D | E?", "C of D | E?"]


def test_a_score_is_the_mean_of_the_votes(answers: RunMaker) -> None:
    found = judge_run_answers(answers.directory, JUDGE, "judge", voting("So: 4", "2", "5", "5.0"))
    assert found.exit_code == 1
    assert found.report is not None
    assert [each.mean for each in found.report.scores] == [4.0]
    assert scores(answers) == [
        (0, "job-0", 3.0, None, None),
        (1, "job-1", None, "failed", None),
        (2, "job-2", 5.0, None, None),
        (3, "job-3", None, "nothing is expected", None),
    ]


@pytest.mark.parametrize(
    ("votes", "score", "reason"),
    [
        (("4", "none"), 4.0, "1 of 2 votes"),
        (("4", None), 4.0, "1 of 2 votes"),
        (("6", "0"), None, "the judge gave no number from 1 to 5"),
        ((None, None), None, "the judge has not answered"),
        ((), None, "the judge has not answered"),
    ],
)
def test_a_vote_that_is_no_number_is_not_a_wrong_answer(
    answers: RunMaker, votes: tuple[str | None, ...], score: float | None, reason: str
) -> None:
    judge_run_answers(answers.directory, JUDGE, "judge", voting(*votes))
    assert scores(answers)[0] == (0, "job-0", score, reason, None)


def test_a_refused_run_leaves_the_scores_that_there_are(answers: RunMaker) -> None:
    judge_run_answers(answers.directory, JUDGE, "judge", voting("4", "4", "5", "5"))
    before = scores(answers)
    found = judge_run_answers(answers.directory, JUDGE, "judge", lambda _folder, _judge: 2)
    assert found == (None, 2)
    assert scores(answers) == before


def test_a_question_that_is_not_known_is_said(answers: RunMaker) -> None:
    judge = msgspec.structs.replace(JUDGE, prompt="{{ question }} {{ text }}")
    judge_run_answers(answers.directory, judge, "judge", voting())
    assert "what was asked is not known" in str(scores(answers)[0][3])


def test_an_unknown_column_is_one_line(answers: RunMaker) -> None:
    judge = msgspec.structs.replace(JUDGE, prompt="{{ txt }} {{ text }}")
    with pytest.raises(InputError) as raised:
        judge_run_answers(answers.directory, judge, "judge", voting())
    assert "there is no column 'txt'" in raised.value.message


@pytest.mark.slow
def test_the_run_is_a_command_of_its_own(
    answers: RunMaker, capfd: pytest.CaptureFixture[str]
) -> None:
    judge = msgspec.structs.replace(JUDGE, run={"no-such-flag": 1})
    assert judge_run_answers(answers.directory, judge, "judge", ask_judge) == (None, 2)
    said = capfd.readouterr()
    assert said.out == ""
    assert "--no-such-flag" in said.err
