"""Samples: pass@k against drawing every set of k, and figures worked out by hand."""

from itertools import combinations
from statistics import fmean

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.scores.samples import (
    Question,
    pass_all,
    pass_at,
    questions_of,
    votes_of,
)

QUESTIONS = st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=4)


def rows(*answers: tuple[int, float | None, str]) -> pl.DataFrame:
    names = {"question": pl.Int64, "score": pl.Float64, "text": pl.String}
    return pl.DataFrame(answers, schema=names, orient="row")


@given(QUESTIONS, st.integers(1, 6))
def test_pass_at_k_is_the_share_of_all_draws_of_k(samples: list[list[bool]], k: int) -> None:
    enough = [each for each in samples if len(each) >= k]
    draws = [list(combinations(each, k)) for each in enough]
    questions = [Question(len(each), sum(each)) for each in samples]
    any_right = fmean(fmean(map(any, each)) for each in draws) if draws else None
    all_right = fmean(fmean(map(all, each)) for each in draws) if draws else None
    assert pass_at(questions, k) == (any_right if any_right is None else pytest.approx(any_right))
    assert pass_all(questions, k) == (all_right if all_right is None else pytest.approx(all_right))


def test_chen_et_al_as_their_own_program_computes_it() -> None:
    # 1 - (1 - k/(n-c+1)) ... (1 - k/n), which is how figure 3 of the paper works it out.
    product = 1.0
    for i in range(200 - 7 + 1, 201):
        product *= 1 - 10 / i
    assert pass_at([Question(200, 7)], 10) == pytest.approx(1 - product)
    assert pass_at([Question(5, 5)], 3) == 1.0


def test_questions_are_counted_of_what_has_a_score() -> None:
    found = questions_of(rows((0, 1, "a"), (0, 0, "b"), (0, None, "c"), (3, 0, "d")))
    assert sorted(found or []) == [Question(1, 0), Question(2, 1)]
    assert questions_of(rows((0, 0.5, "a"))) is None
    assert questions_of(rows((0, None, "a"))) is None


def test_the_most_common_answer_is_what_counts() -> None:
    answers = rows((0, 1, "A"), (0, 1, " A"), (0, 0, "B"), (1, 0, "C"), (1, 1, "D"), (1, None, "D"))
    # Question 0: A, twice of three. Question 1: a tie of a wrong and a right one.
    first, second = votes_of(answers, str.strip)
    assert first == pytest.approx((0, 1.0, 2 / 3))
    assert second == (1, 0.5, 0.5)
    assert votes_of(rows((0, None, "A")), str.strip) == []
