"""Scores of two runs compared: exact tests, intervals, groups, and how often they err."""

import json
from math import comb
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from headrace.jobs import Recipe, Score, row_frame
from headrace.reports import Comparison, compare_runs
from headrace.reports.comparison.interval import Pairs, difference_intervals, paired_share_interval
from headrace.reports.comparison.scored_questions import Questions
from headrace.reports.comparison.scores import ScoreDifference, _compared, _smallest
from headrace.reports.comparison.sentences import group_cells, group_finding, sentences
from headrace.reports.html import comparison_page
from headrace.reports.run import open_run
from headrace.reports.scores import SCORER_KEY
from headrace.reports.uncertainty import smallest_mean_difference
from headrace.runner.main import main
from tests.docs_page import docs_page
from tests.reports.conftest import RunMaker

# Of 40 questions: right in both, in A alone, in B alone, in neither.
COUNTS = Pairs(18, 9, 2, 11)


@pytest.fixture
def runs(made: RunMaker) -> tuple[RunMaker, RunMaker]:
    return RunMaker(Path("a.run")), RunMaker(Path("b.run"))


def ask(runs: tuple[RunMaker, RunMaker], counts: Pairs = COUNTS, **fields: Any) -> None:
    """Questions with these outcomes, every second of them about law."""
    was = [True] * (counts.both + counts.a_only) + [False] * (counts.b_only + counts.neither)
    right = [True] * counts.both + [False] * counts.a_only + [True] * counts.b_only
    right += [False] * counts.neither
    for run, of in zip(runs, (was, right), strict=True):
        for index, each in enumerate(of):
            topic = "law" if index % 2 else "maths"
            asked = {"expected": '"yes"', "metadata": json.dumps({"topic": topic}), **fields}
            run.job(index, text="yes" if each else f"no {index}", **asked)


def scored(run: RunMaker, name: str, values: list[float | None], *, samples: int = 1) -> None:
    folder = run.directory / "scores" / name
    folder.mkdir(parents=True)
    rows = [
        Score(
            index=n,
            custom_id=f"job-{n}" if samples == 1 else f"q{n // samples}-s{n % samples + 1}",
            score=value,
            reason="failed" if value is None else None,
            sample=None if samples == 1 else n % samples + 1,
        )
        for n, value in enumerate(values)
    ]
    row_frame(Score, rows).write_parquet(folder / "000000.parquet")


def compared(runs: tuple[RunMaker, RunMaker], by: str | None = None) -> Comparison:
    for run in runs:
        if not (run.directory / "run.json").exists():
            run.write()
    return compare_runs(*(open_run(run.directory) for run in runs), by=by)


def score(found: Comparison, name: str = "as_expected") -> ScoreDifference:
    (each,) = [each for each in found.scores if each.name == name]
    return each


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", "a.run", "b.run", *arguments], prog_name="headrace")


def test_right_and_wrong_in_pairs_have_mcnemars_test(runs: tuple[RunMaker, RunMaker]) -> None:
    ask(runs)
    found = score(compared(runs))
    assert (found.right_to_wrong, found.wrong_to_right, found.binary) == (9, 2, True)
    by_hand = 2 * sum(comb(11, k) for k in range(3)) / 2**11
    assert found.mcnemar_p == pytest.approx(by_hand)
    assert found.mcnemar_p_holm == found.mcnemar_p
    assert (found.a, found.b, found.difference) == pytest.approx((0.675, 0.5, -0.175))
    newcombe = paired_share_interval(COUNTS)
    assert (found.low, found.high) == pytest.approx(newcombe[:2])


@pytest.mark.slow
def test_the_bootstrap_of_pairs_is_seeded_and_is_that_of_differences(
    runs: tuple[RunMaker, RunMaker],
) -> None:
    """Against one in plain Python: 95 % of means of as many differences, drawn again."""
    ask(runs)
    found = score(compared(runs))
    differences = [0] * 18 + [-1] * 9 + [1] * 2 + [0] * 11
    rng = Random(1)
    means = sorted(sum(rng.choices(differences, k=40)) / 40 for _ in range(4_000))
    assert found.bootstrap_low == pytest.approx(means[100], abs=0.03)
    assert found.bootstrap_high == pytest.approx(means[3_899], abs=0.03)
    again = score(compared(runs))
    assert (again.bootstrap_low, again.bootstrap_high) == (
        found.bootstrap_low,
        found.bootstrap_high,
    )


def test_what_so_many_questions_could_have_shown_is_said(runs: tuple[RunMaker, RunMaker]) -> None:
    ask(runs)
    comparison = compared(runs)
    smallest = score(comparison).smallest_difference
    assert smallest is not None
    reach = 1.959964 * 0.275**0.5 + 0.841621 * (0.275 - smallest**2) ** 0.5
    assert (reach / smallest) ** 2 == pytest.approx(40, rel=1e-4)
    said = list(sentences(comparison))
    assert "McNemar's exact test: p = 0.065." in said
    assert (
        f"40 questions would have shown a difference of {smallest * 100:.2f} pp in four of five "
        "comparisons."
    ) in said
    assert "Wrong to right: job-27, job-28." in said


def test_many_names_are_cut(runs: tuple[RunMaker, RunMaker]) -> None:
    ask(runs, Pairs(0, 14, 0, 6))
    named = [each for each in sentences(compared(runs)) if each.startswith("Right to wrong")]
    listed = ", ".join(f"job-{n}" for n in range(10))
    assert named == [f"Right to wrong: {listed} and 4 more."]


def test_scores_of_a_run_are_compared_by_their_names(runs: tuple[RunMaker, RunMaker]) -> None:
    """Grades have no right and wrong: what fell and rose, the largest first, and the t interval."""
    ask(runs)
    for run, shift in zip(runs, (0.0, -0.1), strict=True):
        run.write()
        grades: list[float | None] = [0.5 + n / 100 + shift * (n % 2) for n in range(40)]
        grades[7] = None if shift else grades[7]
        scored(run, "quality", grades)
        scored(run, "only_" + run.directory.name[0], [1.0] * 40)
    found = compared(runs)
    assert [each.name for each in found.scores] == ["as_expected", "quality"]
    quality = score(found, "quality")
    assert (quality.questions_a, quality.binary, quality.share) == (39, False, False)
    assert (quality.mcnemar_p, quality.right_to_wrong, quality.wrong_to_right) == (None, 19, 0)
    assert quality.difference == pytest.approx(-0.1 * 19 / 39)
    assert {each.change for each in quality.flips} == {"lower"}
    assert quality.flips[0].score_a - quality.flips[0].score_b == pytest.approx(0.1)
    row = next(each for each in found.differences if each.metric == "quality")
    assert (row.unit, row.statistic, row.a, row.count_a) == ("", "mean", quality.a, 39)
    assert "quality: 19 questions scored lower in B, and 0 higher." in list(sentences(found))
    assert score(found).mcnemar_p_holm == score(found).mcnemar_p  # one test alone


def test_samples_have_no_mcnemar_and_count_by_question(runs: tuple[RunMaker, RunMaker]) -> None:
    for run, right in zip(runs, (4, 2), strict=True):
        run.recipe = Recipe(model="small", user="x", samples=5)
        for n in range(60):
            answer = "yes" if n % 5 < right and n // 5 % 3 else "no"
            run.job(n, custom_id=f"q{n // 5}-s{n % 5 + 1}", text=answer, expected='"yes"')
    found = score(compared(runs))
    assert (found.questions_a, found.mcnemar_p, found.binary) == (12, None, False)
    assert (found.a, found.b) == pytest.approx((0.8 * 8 / 12, 0.4 * 8 / 12))
    assert [each.custom_id for each in found.flips] == [f"q{n}-s1" for n in range(12) if n % 3]
    assert found.flips[0].score_b == pytest.approx(0.4)


@pytest.mark.slow
def test_by_a_metadata_column(runs: tuple[RunMaker, RunMaker]) -> None:
    """All 20 of maths stay right, and 12 of 20 of law become wrong."""
    for run, lost in zip(runs, (0, 12), strict=True):
        for n in range(42):
            topic = json.dumps({"topic": ["law", "maths"][n % 2], "n": n}) if n < 40 else None
            wrong = n % 2 == 0 and n // 2 < lost
            run.job(n, text="no" if wrong else "yes", expected='"yes"', metadata=topic)
    found = score(compared(runs, by="topic"))
    assert [(each.value, each.questions_a, each.a, each.b) for each in found.groups] == [
        ("law", 20, 1.0, 0.4),
        ("maths", 20, 1.0, 1.0),
        (None, 2, 1.0, 1.0),
    ]
    law, maths, none = found.groups
    assert [group_finding(each) for each in (law, maths, none)] == [
        "lower",
        "none found",
        "too few",
    ]
    assert law.p is not None
    assert law.p_holm == pytest.approx(2 * law.p)
    assert group_cells(law, share=True)[:5] == ["law", "20", "100.00%", "40.00%", "-60.00 pp"]
    done = compare("--by", "topic")
    assert "as expected by topic" in done.stdout
    assert "(none)" in done.stdout
    page = comparison_page(compared(runs, by="topic")).decode()
    assert '<h2 id="groups-title-1">as expected by <bdi>topic</bdi></h2>' in page
    assert "<bdi>law</bdi>" in page


def test_a_column_that_is_not_there_is_a_line(runs: tuple[RunMaker, RunMaker]) -> None:
    ask(runs)
    compared(runs)
    done = compare("--by", "tpoic")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "Error: --by tpoic: no job has that in its metadata; it has topic\n"


@pytest.mark.slow
def test_hostile_names_and_answers_do_no_harm(runs: tuple[RunMaker, RunMaker]) -> None:
    bad = "\x1b[2J</td><script>alert()"
    for run, text in zip(runs, ("yes", bad), strict=True):
        for n in range(8):
            asked = {"expected": '"yes"', "metadata": json.dumps({"k": bad})}
            run.job(n, custom_id=f"{bad}{n}", text=text, **asked)
    compared(runs)
    done = compare("--by", "k", "--html", "out.html")
    assert done.exit_code == 0
    assert "<script>alert" not in Path("out.html").read_text()
    shown = compare("--by", "k").stdout
    assert "\x1b[2J" not in shown
    assert "Right to wrong" in shown


def test_more_flips_than_are_shown_are_named(runs: tuple[RunMaker, RunMaker]) -> None:
    ask(runs, Pairs(0, 25, 0, 5))
    page = comparison_page(compared(runs)).decode()
    assert page.count('<article class="flip"') == 20
    assert "the first 20 with their answers" in page
    assert "<bdi>job-24</bdi>" in page


def test_the_data_of_scores_is_documented(runs: tuple[RunMaker, RunMaker]) -> None:
    ask(runs)
    compared(runs)
    (found,) = json.loads(compare("--json", "--by", "topic").stdout)["scores"]
    page = docs_page("reference/json.md", "compare")
    keys = {f"scores[].{key}" for key in found if key not in ("flips", "groups")}
    keys |= {f"scores[].flips[].{key}" for key in found["flips"][0]}
    keys |= {f"scores[].groups[].{key}" for key in found["groups"][0]}
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
    assert [each["custom_id"] for each in found["flips"][:2]] == ["job-18", "job-19"]


def questions(values: np.ndarray[Any, Any]) -> pl.DataFrame:
    return pl.DataFrame({"index": range(len(values)), "score": values})


@pytest.mark.slow
def test_equal_services_differ_in_at_most_5_percent() -> None:
    """400 nights of 150 questions, the same in both, easy and hard: of these 5 % are 20, and more
    than 29 would come in 1 of 50 such tests. Of means, 300 pairs of 20 skewed times."""
    rng, found, pairs = np.random.default_rng(15), 0, pl.DataFrame()
    for _ in range(400):
        ease = rng.beta(1.4, 0.6, size=150)
        a, b = ((rng.random(150) < ease) * 1.0 for _ in range(2))
        over = _compared(Questions(questions(a), questions(b), pairs))
        assert over.low is not None
        assert over.high is not None
        found += not over.low <= 0 <= over.high
    assert 5 <= found <= 29
    means = 0
    for _ in range(300):
        common = rng.exponential(size=20)
        a, b = (common + rng.exponential(size=20) for _ in range(2))
        (each,) = difference_intervals(a, b, [], paired=True, rng=rng, resamples=300)
        means += not each.low <= 0 <= each.high
    assert 3 <= means <= 23


def graded(runs: tuple[RunMaker, RunMaker], name: str, a: list[float], b: list[float]) -> None:
    for run, values in zip(runs, (a, b), strict=True):
        for index, value in enumerate(values):
            run.job(index, text=f"answer of {value}")
        run.write()
        scored(run, name, list(values))


def test_of_grades_a_changed_value_is_a_flip_with_both_scores(
    runs: tuple[RunMaker, RunMaker],
) -> None:
    """Of f1, a judge's grades or a function's floats: what 0.5 is says nothing of right."""
    was = [0.25, 0.5, 0.75, 1.0] * 10
    now = [0.0, *was[1:3], 0.8, *was[4:]]
    now[39] = 0.4
    now[4] = 0.9
    graded(runs, "f1", was, now)
    found = score(compared(runs), "f1")
    assert (found.binary, found.share, found.mcnemar_p) == (False, False, None)
    assert (found.right_to_wrong, found.wrong_to_right) == (3, 1)
    assert [(each.custom_id, each.change, each.score_a, each.score_b) for each in found.flips] == [
        ("job-39", "lower", 1.0, 0.4),
        ("job-0", "lower", 0.25, 0.0),
        ("job-3", "lower", 1.0, 0.8),
        ("job-4", "higher", 0.25, 0.9),
    ]
    page = comparison_page(compared(runs)).decode()
    assert "3 lower, 1 higher" in page
    assert ">A, 1</p><pre><bdi>answer of 1.0<" in page
    assert ">B, 0.4</p><pre><bdi>answer of 0.4<" in page


def test_grades_that_are_right_or_wrong_in_one_run_alone_are_grades(
    runs: tuple[RunMaker, RunMaker],
) -> None:
    graded(runs, "judge", [0.0, 1.0] * 10, [0.0, 1.0] * 9 + [0.5, 1.0])
    found = score(compared(runs), "judge")
    assert (found.binary, found.share, found.mcnemar_p) == (False, False, None)
    assert [each.change for each in found.flips] == ["higher"]


@pytest.mark.slow
@pytest.mark.parametrize("questions", [40, 150])
def test_the_smallest_difference_of_grades_is_found_in_four_of_five(questions: int) -> None:
    """Grades in pairs that vary by 1 from night to night: at the difference that is told for that,
    the interval leaves zero out in 80 % of nights (in less of few, where it is wider for skew)."""
    rng = np.random.default_rng(questions)
    difference = smallest_mean_difference(1 / np.sqrt(questions), questions - 1)
    found = 0
    for _ in range(400):
        before = rng.normal(3, 1, questions)
        low = _compared(side(before, before + rng.normal(difference, 1, questions))).low
        found += low is not None and low > 0
    assert 0.74 <= found / 400 <= 0.86


def test_the_smallest_difference_of_grades_is_of_their_pairs() -> None:
    """And not of the spread of the grades themselves, which both nights share."""
    before = np.arange(20.0)
    after = before + np.arange(20) % 2
    error = float((after - before).std(ddof=1)) / np.sqrt(20)
    told = _smallest(side(before, after), binary=False)
    assert told == pytest.approx(smallest_mean_difference(error, 19))
    assert _smallest(side(before, before + 1), binary=False) is None


def side(a: "np.typing.NDArray[np.float64]", b: "np.typing.NDArray[np.float64]") -> Questions:
    index = pl.Series("index", range(len(a)))
    frames = [pl.DataFrame({"index": index, "score": each}) for each in (a, b)]
    pairs = frames[0].select(pl.col("index").alias("index_a"))
    return Questions(frames[0], frames[1], pairs)


def test_two_scorers_of_one_name_are_told(runs: tuple[RunMaker, RunMaker]) -> None:
    graded(runs, "number", [1.0, 0.0] * 5, [1.0, 1.0] * 5)
    for run, spec in zip(runs, ("number", "number:1"), strict=True):
        part = run.directory / "scores" / "number" / "000000.parquet"
        pl.read_parquet(part).write_parquet(part, metadata={SCORER_KEY: spec})
    found = compared(runs)
    assert (score(found, "number").scorer_a, score(found, "number").scorer_b) == (
        "number",
        "number:1",
    )
    said = "number: scored by number in A and by number:1 in B, which may be all the difference."
    assert said in list(sentences(found))
