"""Figures of answers as estimates: as_expected, samples, and what could be scored."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest

from headrace.jobs import InputError, Recipe, Score, parse_condition, row_frame
from headrace.reports.figures.summary import summary_of
from headrace.reports.objectives.estimates import RunEstimates
from headrace.reports.objectives.gate import GateReport, judge_run
from headrace.reports.objectives.pooled import PooledEstimates
from headrace.reports.objectives.weighing import Weighing
from headrace.reports.run import open_run
from headrace.reports.scores import votes_of
from headrace.reports.uncertainty import clustered, mean_estimate, wilson
from tests.reports.conftest import RunMaker

RUNS = 600


def answers(made: RunMaker, right: Sequence[bool | None]) -> Path:
    """Answers to questions that expect yes; None of a job that failed."""
    for index, each in enumerate(right):
        if each is None:
            made.result(index, expected='"yes"', status="failed")
        else:
            made.job(index, expected='"yes"', text="yes " if each else "no", model="ab"[index % 2])
    return made.write()


def judged(directory: Path, *texts: str, base: Path | None = None) -> GateReport:
    return judge_run(directory, [parse_condition(each) for each in texts], base=base)


@pytest.fixture
def before(made: RunMaker) -> RunMaker:
    return RunMaker(made.directory.with_name("before.run"))


def test_as_expected_is_a_figure_with_an_interval(made: RunMaker) -> None:
    """A failed job's answer is not what it expects: 60 of 100, not of 90."""
    run = answers(made, [True] * 60 + [False] * 30 + [None] * 10)
    found = judged(run, "as_expected >= 45%", "as_expected >= 0.65", "as_expected >= 0.75")
    assert [each.outcome for each in found.objectives] == ["met", "unclear", "missed"]
    (interval,) = found.objectives[0].intervals
    assert (interval.low, interval.high) == pytest.approx(wilson(0.6, 100, 0.95))
    assert found.objectives[1].settled_by == "questions"


def test_as_expected_is_a_column_too(made: RunMaker) -> None:
    run = answers(made, [True, True, False, False, None])
    found = judged(
        run,
        "mean(as_expected) == as_expected",
        "mean(as_expected, model == 'a') == 50%",
        "count(as_expected == 0) == 3",
        "count(as_expected == 0, status == 'failed') == 1",
        "mean(total_s, as_expected == 1) > 0.4",
        "pass_at(1, as_expected) == 40%",
        "majority(as_expected) == 40%",
        "agreement(as_expected) == 100%",
    )
    assert [each.met for each in found.objectives] == [True] * 8


def test_as_expected_is_paired_beside_a_base(made: RunMaker, before: RunMaker) -> None:
    """8 of 99 more, all others the same: more than chance in pairs, not between two samples."""
    was = [n % 3 > 0 for n in range(99)]
    base = answers(before, was)
    run = answers(made, [each or n in range(0, 24, 3) for n, each in enumerate(was)])
    found = judged(run, "as_expected > base", "as_expected >= base - 2%", base=base)
    assert [each.outcome for each in found.objectives] == ["met", "met"]
    (interval,) = found.objectives[0].intervals
    assert interval.figure == "as_expected - base"
    assert interval.value == pytest.approx(8 / 99)
    alone = judged(run, "as_expected > 66.7%").objectives[0]
    assert alone.outcome == "unclear"


def test_as_expected_of_several_runs_is_pooled(made: RunMaker, before: RunMaker) -> None:
    runs = [answers(before, [True] * 30), answers(made, [True] * 15 + [False] * 15)]
    estimates = [RunEstimates(each, summary_of(each)) for each in map(open_run, runs)]
    expression = parse_condition("as_expected >= 74%")
    found = PooledEstimates(estimates)
    (interval,) = Weighing(expression, found).figures()
    assert interval.value == 0.75
    assert interval.low is not None


def test_where_nothing_is_expected_it_is_not_known(made: RunMaker, before: RunMaker) -> None:
    made.job(0, text="yes")
    made.job(1, text="{}", expected='{"a": 1}')
    base = answers(before, [True])
    found = judged(made.write(), "as_expected >= 0", "mean(as_expected) >= 0", base=base)
    assert [each.met for each in found.objectives] == [False, False]
    assert found.objectives[0].why == (
        "as_expected is not known: no job expects an answer that can be compared"
    )


@pytest.mark.parametrize(
    "text", ["as_expected >= 70", "as_expected < 0", "mean(as_expected) > 1", "as_expected == 'a'"]
)
def test_what_as_expected_could_never_be_is_refused(made: RunMaker, text: str) -> None:
    with pytest.raises(InputError):
        judged(answers(made, [True]), text)


def scores(run: Path, name: str, values: Sequence[float | None]) -> None:
    folder = run / "scores" / name
    folder.mkdir(parents=True)
    rows = [
        Score(
            index=n, custom_id=f"job-{n}", score=value, reason="failed" if value is None else None
        )
        for n, value in enumerate(values)
    ]
    row_frame(Score, rows).write_parquet(folder / "part.parquet")


def test_scored_share_has_the_interval_of_its_jobs(made: RunMaker) -> None:
    run = answers(made, [True] * 100)
    scores(run, "exact", [1.0] * 97 + [None] * 3)
    one = judged(run, "scored_share >= 98.5%").objectives[0]
    (interval,) = one.intervals
    assert (interval.low, interval.high) == pytest.approx(wilson(0.97, 100, 0.95))
    assert one.outcome == "unclear"
    scores(run, "f1", [1.0] * 90)  # ten came since it was scored
    both = judged(run, "scored_share >= 99%").objectives[0]
    assert both.measured[0].value == 0.9
    (interval,) = both.intervals
    assert interval.low == pytest.approx(wilson(0.9, 100, 0.95).low)
    assert interval.high == pytest.approx(wilson(0.9, 100, 0.975).high)
    assert both.outcome == "missed"


@pytest.mark.slow
def test_jobs_without_a_result_count_in_the_scored_share_of_several_runs(
    made: RunMaker, before: RunMaker
) -> None:
    """Rejected lines have no name that a result would tell."""
    runs = []
    for each in (before, made):
        run = answers(each, [True] * 20)
        scores(run, "exact", [1.0] * 20 + [None] * 5)
        runs.append(RunEstimates(open_run(run), summary_of(open_run(run))))
    (interval,) = Weighing(parse_condition("scored_share > 0"), PooledEstimates(runs)).figures()
    assert interval.value == pytest.approx(0.8)
    assert interval.unit == "share"
    assert interval.low is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "value"), [("majority(exact) >= 70%", 0.5), ("agreement(exact) >= 80%", 0.75)]
)
def test_samples_have_the_interval_of_their_questions(
    made: RunMaker, text: str, value: float
) -> None:
    """20 questions of 4 samples: ten say yes twice and yes is right, ten say no always."""
    made.recipe = Recipe(model="m", samples=4)
    texts = [("yes", "yes", "a", "b") if n % 2 else ("no", "no", "no", "no") for n in range(20)]
    said = [each for question in texts for each in question]
    for index, each in enumerate(said):
        made.job(index, text=each)
    scores(made.write(), "exact", [float(each == "yes") for each in said])
    (interval,) = judged(made.directory, text).objectives[0].intervals
    by_question = pl.Series([0.5 if n % 2 else 1.0 for n in range(20)])
    if text.startswith("majority"):
        by_question = pl.Series([float(n % 2) for n in range(20)])
    ends = mean_estimate(clustered(by_question, pl.Series(range(20)))).ends(0.95, 1)
    assert interval.value == value
    assert (interval.low, interval.high) == pytest.approx(ends)


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["majority", "agreement"])
@pytest.mark.parametrize(("questions", "samples"), [(20, 5), (60, 3)])
def test_intervals_of_samples_hold_the_truth(figure: str, questions: int, samples: int) -> None:
    """Each question has its own chance of a right answer, and three wrong ones."""
    random, rng = Random(3), np.random.default_rng(3)

    def found(number: int) -> "pl.Series":
        chances = rng.beta(2, 1, size=number)
        picks = rng.random((number, samples))
        wrong = rng.integers(3, size=(number, samples))
        rows = [
            (n, float(right), "right" if right else f"wrong {other}")
            for n in range(number)
            for right, other in zip(picks[n] < chances[n], wrong[n], strict=True)
        ]
        names = {"question": pl.Int64, "score": pl.Float64, "text": pl.String}
        votes = votes_of(pl.DataFrame(rows, schema=names, orient="row"), str)
        return pl.Series([getattr(each, figure) for each in votes])

    many = found(4_000).to_list()
    truth = sum(many) / len(many)
    held = 0
    for _ in range(RUNS):
        values = pl.Series(random.sample(many, questions))
        low, high = mean_estimate(clustered(values, pl.Series(range(questions)))).ends(0.95, 1)
        held += low <= truth <= high
    assert held >= 0.93 * RUNS
