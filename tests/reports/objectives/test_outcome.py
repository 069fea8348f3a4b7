"""Objectives by their intervals: false alarms, Holm, what would settle them."""

from pathlib import Path
from random import Random

import polars as pl
import pytest

from headrace.jobs import Recipe, Score, parse_condition, row_frame
from headrace.reports.figures.summary import summary_of
from headrace.reports.objectives.estimates import RunEstimates
from headrace.reports.objectives.gate import GateReport, judge_run
from headrace.reports.objectives.objective import Judgement
from headrace.reports.objectives.outcome import one_sided
from headrace.reports.objectives.weighing import Pair, Weighing
from headrace.reports.run import open_run
from headrace.reports.uncertainty import clustered, mean_estimate
from tests.reports.conftest import RunMaker


def answers(made: RunMaker, right: list[bool], **fields: str) -> Path:
    for index, each in enumerate(right):
        made.job(index, text="yes" if each else "no", **fields)
    return made.write()


def judged(directory: Path, *texts: str, base: Path | None = None, **how: object) -> GateReport:
    return judge_run(directory, [parse_condition(each) for each in texts], base=base, **how)  # type: ignore[arg-type]


def first(report: GateReport) -> Judgement:
    return report.objectives[0]


def test_questions_that_would_settle_it_settle_it(made: RunMaker) -> None:
    """66 % where 70 % are asked for. Wilson's interval leaves out c from z^2 c (1 - c) / (c - p)^2
    values on: 504.2."""
    found = first(judged(answers(made, [True] * 66 + [False] * 34), "mean(text == 'yes') >= 70%"))
    assert (found.outcome, found.would_settle, found.settled_by) == ("unclear", 505, "questions")
    assert pytest.approx(504.2, abs=0.05) == 1.959964**2 * 0.7 * 0.3 / 0.04**2


def test_what_a_hundred_times_as_many_would_not_settle_is_not_said(made: RunMaker) -> None:
    directory = answers(made, [True, False] * 20)
    found = judged(directory, "mean(text == 'yes') >= 50%", "mean(text == 'yes') >= 49.9%")
    assert [each.outcome for each in found.objectives] == ["unclear", "unclear"]
    assert [each.would_settle for each in found.objectives] == [None, None]


def test_figures_that_are_counted_are_exact(made: RunMaker) -> None:
    found = judged(answers(made, [True] * 3), "jobs == 3", "failed > 0", "max(total_s) > 1")
    assert [each.outcome for each in found.objectives] == ["met", "missed", "missed"]


@pytest.mark.slow
def test_beside_a_base_the_same_questions_are_paired(made: RunMaker) -> None:
    """91 of 99 answers are the same; 8 more right ones are more than chance in pairs, and far from
    it between two samples."""
    before, other = made.directory.with_name("before.run"), made.directory.with_name("other.run")
    was = [n % 3 > 0 for n in range(99)]
    now = [each or n in range(0, 24, 3) for n, each in enumerate(was)]
    base = answers(RunMaker(before), was)
    unpaired = answers(RunMaker(other), was, body_digest="1" * 32)
    run = answers(made, now)
    better = "mean(text == 'yes') > base"
    assert first(judged(run, better, base=base)).outcome == "met"
    found = first(judged(run, better, base=unpaired))
    assert found.outcome == "unclear"
    (interval,) = found.intervals
    assert interval.figure == 'mean(text == "yes") - base'
    assert interval.value == pytest.approx(8 / 99)


def test_a_difference_is_judged_whatever_side_the_base_is_on(made: RunMaker) -> None:
    base = answers(RunMaker(made.directory.with_name("before.run")), [True] * 90 + [False] * 10)
    run = answers(made, [True] * 50 + [False] * 50)
    report = judged(
        run,
        "mean(text == 'yes') >= base - 5%",
        "base - 5% <= mean(text == 'yes')",
        "mean(text == 'yes') >= 0.5 * base",
        "not mean(text == 'yes') < 2 * (base - 10%) / 2",
        "mean(text == 'yes') >= base * error_rate",
        base=base,
    )
    outcomes = [each.outcome for each in report.objectives]
    assert outcomes == ["missed", "missed", "unclear", "missed", "met"]
    assert report.objectives[2].intervals[0].figure == 'mean(text == "yes") - 0.5 * base'
    # Arithmetic with other figures is that of intervals: no difference is worked out.
    assert report.objectives[4].intervals[0].figure == 'mean(text == "yes")'


def test_what_the_base_lacks_is_missed(made: RunMaker) -> None:
    base = RunMaker(made.directory.with_name("before.run")).write()
    found = first(judged(answers(made, [True] * 9), "mean(text == 'yes') >= base", base=base))
    assert (found.outcome, found.met) == ("missed", False)
    assert found.why is not None
    assert found.why.startswith("in the base run")


def test_samples_of_a_question_count_as_one(made: RunMaker) -> None:
    """200 answers to 20 questions, that agree within each: 20 values, not 200."""
    made.recipe = Recipe(model="small", user="x", samples=10)
    for index in range(200):
        text = "yes" if index // 10 % 4 else "no"
        made.job(index, custom_id=f"q{index // 10}-s{index % 10 + 1}", text=text)
    (interval,) = first(judged(made.write(), "mean(text == 'yes') > 60%")).intervals
    assert interval.value == 0.75
    assert interval.low is not None
    assert interval.low < 0.55
    values = pl.Series([n % 4 > 0 for n in range(200)])
    assert mean_estimate(clustered(values, pl.Series(range(200)))).ends(0.95, 1).low > 0.68


@pytest.mark.slow
def test_pass_at_k_has_the_interval_of_its_questions(made: RunMaker) -> None:
    """20 questions of 3 samples, 6 right once and 6 always: pass@2 of these is 2/3 and 1."""
    made.recipe = Recipe(model="small", user="x", samples=3)
    right = [(1, 3, 0)[n % 3] if n < 18 else 0 for n in range(20)]
    rows = []
    for index in range(60):
        made.job(index, custom_id=f"q{index // 3}-s{index % 3 + 1}")
        grade = float(index % 3 < right[index // 3])
        name = f"q{index // 3}-s{index % 3 + 1}"
        rows.append(Score(index=index, custom_id=name, score=grade, sample=index % 3 + 1))
    folder = made.write() / "scores" / "exact"
    folder.mkdir(parents=True)
    row_frame(Score, rows).write_parquet(folder / "000000.parquet")
    report = judged(made.directory, "pass_at(2, exact) > 45%", "pass_all(3, exact) < 80%")
    passed, whole = (each.intervals[0] for each in report.objectives)
    by_question = pl.Series([{0: 0.0, 1: 2 / 3, 3: 1.0}[each] for each in right])
    low, high = mean_estimate(clustered(by_question, pl.Series(range(20)))).ends(0.95, 1)
    assert passed.value == pytest.approx((6 * 2 / 3 + 6) / 20)
    assert (passed.low, passed.high) == pytest.approx((low, high))
    assert whole.value == pytest.approx(0.3)
    assert [each.outcome for each in report.objectives] == ["unclear", "met"]


@pytest.mark.slow
def test_with_holm_the_level_is_that_of_all_of_them(made: RunMaker) -> None:
    """57 of 100 where 67 % are asked for: missed alone (p about 2 %), among ten not."""
    directory = answers(made, [True] * 57 + [False] * 43)
    ten = [f"mean(text == 'yes', index < {99 + n}) >= 67%" for n in range(1, 11)]
    alone = judged(directory, *ten)
    together = judged(directory, *ten, holm=True, unclear="met")
    assert {each.outcome for each in alone.objectives} == {"missed"}
    assert {each.outcome for each in together.objectives} == {"unclear"}
    assert together.met
    surely = judged(directory, *ten[1:], "mean(text == 'yes') >= 90%", holm=True, unclear="met")
    assert [each.outcome for each in surely.objectives] == ["unclear"] * 9 + ["missed"]


def test_what_is_exact_is_missed_with_holm_too(made: RunMaker) -> None:
    report = judged(answers(made, [True] * 50), "jobs > 50", "error_rate < 20%", holm=True)
    assert [each.outcome for each in report.objectives] == ["missed", "met"]


def test_one_sided_levels() -> None:
    assert one_sided(0.01) == 0.98
    assert one_sided(0.025) == 0.95


@pytest.mark.slow
def test_a_run_at_its_limit_is_red_in_at_most_5_percent(made: RunMaker) -> None:
    """300 nights of 150 questions that are right with exactly 70 %, each beside the one before: of
    300, with 2.5 % a night, more than 15 would come in 1 of 200 such tests."""
    run = open_run(answers(made, [True] * 150))
    results, summary, rng = run.results.collect(), summary_of(run), Random(4)
    alone, beside = (parse_condition(f"mean(text == 'yes') >= {x}") for x in ("70%", "base"))
    before: RunEstimates | None = None
    red = fallen = 0
    for _ in range(300):
        texts = pl.Series("text", ["yes" if rng.random() < 0.7 else "no" for _ in range(150)])
        night = RunEstimates(run._replace(results=results.with_columns(texts).lazy()), summary)
        red += Weighing(alone, night).certainty() == "not met"
        if before is not None:
            fallen += Weighing(beside, night, Pair(night, before)).certainty() == "not met"
        before = night
    assert 1 <= red <= 15
    assert 1 <= fallen <= 15
