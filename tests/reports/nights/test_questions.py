"""What is right in a night is what its own score says."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from headrace.jobs import Score, row_frame
from headrace.reports import NightPlan, print_night, report_night, write_night
from headrace.reports.nights.questions import questions_of
from headrace.reports.run import open_run

from ..conftest import RunMaker

Scores = Sequence[tuple[float | None, str | None]]


def night(directory: Path, texts: Sequence[str], scores: Scores, name: str = "number") -> Path:
    run = RunMaker(directory)
    for index, text in enumerate(texts):
        run.job(index, custom_id=f"q{index}", text=text, expected="7")
    run.write()
    rows = [
        Score(index=n, custom_id=f"q{n}", score=score, reason=reason)
        for n, (score, reason) in enumerate(scores)
    ]
    folder = directory / "scores" / name
    folder.mkdir(parents=True)
    row_frame(Score, rows).write_parquet(folder / "part.parquet")
    return directory


def written(run: Path, last_good: Path | None, score: str | None) -> ET.Element:
    """The questions in JUnit of a night; all its files are there."""
    plan = NightPlan(
        run=run,
        date="2026-06-09",
        eval_file="eval.toml",
        require=[],
        beside_require=[],
        bases=[],
        last_good=last_good,
        baseline=[],
        baseline_nights=5,
        score=score,
    )
    report = report_night(plan)
    write_night(report, run, [run])
    with (run / "terminal.txt").open("w") as file:
        print_night(report, Console(file=file, width=100))
    _, questions = ET.fromstring((run / "junit.xml").read_bytes())
    return questions


def outcomes(questions: ET.Element) -> dict[str | None, str]:
    return {
        case.get("name"): ", ".join(f"{each.tag}: {each.get('message')}" for each in case)
        for case in questions
    }


@pytest.mark.slow
def test_what_is_right_is_what_the_eval_files_own_score_says(tmp_path: Path) -> None:
    """ "It is 7" is what the number 7 expects, and is not 7 to the letter."""
    scores: Scores = [(1.0, None), (0.0, "the answer has no number"), (None, "it raised")]
    run = night(tmp_path / "run", ["It is 7", "seven", "8", "7"], scores)
    questions = written(run, None, "number")
    assert outcomes(questions) == {
        "q0": "",
        "q1": "failure: not as expected",
        "q2": "skipped: no score: it raised",
        "q3": "skipped: no score: it was not scored yet",
    }
    assert (questions.get("failures"), questions.get("skipped")) == ("1", "2")
    assert outcomes(written(run, None, None)) == {
        "q0": "failure: not as expected",
        "q1": "failure: not as expected",
        "q2": "failure: not as expected",
        "q3": "",
    }


@pytest.mark.slow
def test_grades_are_wrong_below_a_half_and_on_other_scales_neither(tmp_path: Path) -> None:
    texts = ["a", "b", "c"]
    run = night(tmp_path / "f1", texts, [(0.8, None), (0.4, None), (0.0, None)], "f1")
    assert outcomes(written(run, None, "f1")) == {
        "q0": "system-out: None",
        "q1": "failure: score: 0.4",
        "q2": "failure: not as expected",
    }
    run = night(tmp_path / "judge", texts, [(4.5, None), (0.4, None), (0.0, None)], "judge")
    assert [each.right for each in questions_of(open_run(run), "judge")] == [None, None, None]
    assert "failure" not in str(outcomes(written(run, None, "judge")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values", "words", "cells"),
    [
        (
            "number",
            (0.0, 1.0),
            "10 answers from right to wrong, 0 from wrong to right",
            ("was", "is"),
        ),
        (
            "f1",
            (0.25, 1.0),
            "10 questions with a lower f1, 0 with a higher one",
            ("was, 1", "is, 0.25"),
        ),
    ],
)
def test_the_answers_that_changed_are_those_of_its_score(
    tmp_path: Path, name: str, values: tuple[float, float], words: str, cells: tuple[str, str]
) -> None:
    """All texts are other ones than the night before, and none is 7 to the letter."""
    low, high = values
    before = night(tmp_path / "a.run", ["It is 7"] * 20, [(high, None)] * 20, name)
    now = [(low, None)] * 10 + [(high, None)] * 10
    run = night(tmp_path / "b.run", ["No, 8"] * 10 + ["It's 7"] * 10, now, name)
    written(run, before, name)
    markdown = (run / "night.md").read_text("utf-8")
    page = (run / "night.html").read_text("utf-8")
    assert f"Beside a: {words}" in markdown
    assert [f"\n{each}\n\n```text\n" in markdown for each in cells] == [True, True]
    assert f"<p>Beside a: {words}.</p>" in page
    assert words in (run / "terminal.txt").read_text()
    assert ("2026-06-09, 0.25</p>" in page) == (name == "f1")


@pytest.mark.slow
def test_a_last_good_night_without_the_score_is_told(tmp_path: Path) -> None:
    before = night(tmp_path / "a.run", ["7"] * 3, [(1.0, None)] * 3, "exact")
    run = night(tmp_path / "b.run", ["8"] * 3, [(0.0, None)] * 3)
    written(run, before, "number")
    assert "beside a.run: it has no score number" in (run / "night.md").read_text("utf-8")
