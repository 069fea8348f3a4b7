"""Conditions of a night, all together: what is more than chance, and what is not."""

from pathlib import Path

import pytest

from headrace.jobs import parse_condition
from headrace.reports.figures import summary_of
from headrace.reports.nights import Asked, NightObjective, judge_night, verdict_of
from headrace.reports.objectives import Judgement, PooledEstimates, RunEstimates
from headrace.reports.run import open_run

from ..conftest import RunMaker

pytestmark = pytest.mark.slow
BESIDE = [parse_condition("mean(text == expected) >= base")]


def estimates(folder: Path, wrong: set[int], *, questions: int = 60) -> RunEstimates:
    """A run of which these questions are answered wrongly."""
    run = RunMaker(folder)
    for index in range(questions):
        run.job(index, text="no" if index in wrong else "yes", expected='"yes"')
    opened = open_run(run.write())
    return RunEstimates(opened, summary_of(opened))


def judged(tonight: RunEstimates, *base: RunEstimates) -> NightObjective:
    asked = [Asked(BESIDE, "base", ("a.run",), PooledEstimates(base))]
    (found,) = judge_night(asked, tonight)
    return found


def test_a_miss_counts_only_where_it_is_more_than_chance(tmp_path: Path) -> None:
    before = estimates(tmp_path / "a", set(range(10)))
    few = judged(estimates(tmp_path / "b", set(range(13))), before)
    many = judged(estimates(tmp_path / "c", set(range(30))), before)
    assert [verdict_of(each) for each in (few, many)] == ["unclear", "not met"]
    assert (few.judgement.met, many.judgement.met) == (True, False)
    assert (many.beside, many.beside_runs) == ("base", ["a.run"])


def test_several_nights_are_taken_together_question_by_question(tmp_path: Path) -> None:
    nights = [estimates(tmp_path / str(n), set(range(n, n + 10))) for n in range(5)]
    found = judged(estimates(tmp_path / "c", set(range(26))), *nights).judgement
    (measured,) = found.measured
    assert measured.base == pytest.approx(50 / 60)
    alone = judged(estimates(tmp_path / "d", set(range(26))), nights[0]).judgement

    def width(judgement: Judgement) -> float:
        (interval,) = judgement.intervals
        assert interval.low is not None
        assert interval.high is not None
        return interval.high - interval.low

    # Five nights say more than one where their answers differ.
    assert width(found) != width(alone)
    assert found.outcome == "missed"


def test_a_level_is_that_of_all_conditions_together(tmp_path: Path) -> None:
    before = estimates(tmp_path / "a", set(range(10)))
    tonight = estimates(tmp_path / "b", set(range(10)) | {20, 21, 22, 23, 24, 25, 26, 27})
    alone = judge_night([Asked(BESIDE, "a", (), before)], tonight)
    idle = [parse_condition(f"mean(text == expected) >= 0.{n}") for n in range(50, 62)]
    among = judge_night([Asked(idle), Asked(BESIDE, "a", (), before)], tonight)
    assert verdict_of(alone[0]) == "not met"
    assert verdict_of(among[-1]) == "unclear"
    assert among[-1].judgement.met


def test_what_is_exact_has_no_chance_in_it(tmp_path: Path) -> None:
    tonight = estimates(tmp_path / "a", set())
    texts = ("failed == 0", "jobs < 60", 'state == "finished"')
    found = judge_night([Asked([parse_condition(text) for text in texts])], tonight)
    assert [verdict_of(each) for each in found] == ["met", "not met", "met"]


def test_exact_figures_of_several_runs_are_their_mean(tmp_path: Path) -> None:
    runs = [estimates(tmp_path / str(n), set(), questions=n) for n in (10, 30)]
    pooled = PooledEstimates(runs)
    asked = [Asked([parse_condition("jobs >= base")], "base", (), pooled)]
    (found,) = judge_night(asked, runs[0])
    assert found.judgement.measured[0].base == 20
    assert verdict_of(found) == "not met"
