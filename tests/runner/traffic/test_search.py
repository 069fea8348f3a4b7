"""The search for the highest load, on services that are a formula."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runner.traffic.search import (
    RATE_MAX_PER_S,
    SIZES,
    Certainty,
    LoadSearch,
    SearchResult,
    Trial,
    search_over_rates,
    search_over_users,
)


def searched(
    judge: Callable[[Trial], Certainty], search: LoadSearch
) -> tuple[SearchResult, list[Trial]]:
    trials = []
    while (trial := search.next()) is not None:
        trials.append(trial)
        assert len(trials) < 300
        search.tell(judge(trial))
    return search.found, trials


def sharp(limit: float) -> Callable[[Trial], Certainty]:
    """A service whose limit shows in the shortest trial."""
    return lambda trial: "met" if trial.load <= limit else "not met"


def test_users_are_doubled_and_then_halved_down_to_the_very_number() -> None:
    found, trials = searched(sharp(22), search_over_users(4, precision=0.05))
    assert [trial.load for trial in trials] == [4, 8, 16, 32, 23, 19, 21, 22]
    assert {trial.size for trial in trials} == {SIZES[0]}
    assert found == SearchResult(22, 23, ())


def test_rates_are_doubled_and_then_halved_on_a_scale_of_ratios() -> None:
    found, trials = searched(sharp(100.0), search_over_rates(10.0, precision=0.1))
    rates = [trial.load for trial in trials]
    # 10, 20, 40, 80, 160, then the geometric mean of what met and what missed.
    assert rates[:5] == [10.0, 20.0, 40.0, 80.0, 160.0]
    assert rates[5:8] == [
        math.sqrt(80 * 160),
        math.sqrt(80 * rates[5]),
        math.sqrt(rates[6] * rates[5]),
    ]
    # The highest that met is confirmed.
    assert [trial.size for trial in trials] == [SIZES[0]] * 8 + [SIZES[-1]]
    assert rates[8:] == [rates[6]]
    assert found == SearchResult(rates[6], rates[7], ())


@given(st.integers(1, 5000), st.integers(1, 300), st.floats(0, 0.5))
@settings(max_examples=80)
def test_the_answer_encloses_the_number_of_users_as_narrowly_as_asked(
    limit: int, first: int, precision: float
) -> None:
    found, trials = searched(sharp(limit), search_over_users(first, precision=precision))
    assert found.highest_met is not None
    assert found.lowest_missed is not None
    assert found.highest_met <= limit < found.lowest_missed
    assert found.lowest_missed - found.highest_met <= max(1, found.highest_met * precision)
    assert len({trial.load for trial in trials}) == len(trials)


@given(st.floats(0.02, 2000), st.floats(0.01, 0.5), st.floats(0.5, 50))
def test_the_answer_encloses_the_rate_as_narrowly_as_asked(
    limit: float, precision: float, first: float
) -> None:
    found, trials = searched(sharp(limit), search_over_rates(first, precision=precision))
    if limit < first / 1024:
        assert (found.highest_met, found.lowest_missed) == (None, first / 1024)
        return
    assert found.highest_met is not None
    assert found.lowest_missed is not None
    assert found.highest_met <= limit < found.lowest_missed
    assert found.lowest_missed <= found.highest_met * (1 + precision) * (1 + 1e-12)
    doublings = abs(math.log2(limit / first)) + 2
    halvings = math.log2(math.log(2) / math.log1p(precision)) + 1
    assert len(trials) <= doublings + max(0, halvings) + 2
    assert trials[-1] == (found.highest_met, SIZES[-1])


def test_a_rate_that_only_a_long_trial_misses_is_not_the_answer() -> None:
    """A queue of 54/s grows slowly at 56/s: in two seconds nothing of it was seen."""

    def judge(trial: Trial) -> Certainty:
        limit = 54.0 if trial.size == SIZES[-1] else 60.0
        return "met" if trial.load <= limit else "not met"

    found, trials = searched(judge, search_over_rates(20.0, precision=0.05))
    assert found.highest_met is not None
    assert found.lowest_missed is not None
    assert found.highest_met <= 54.0 < found.lowest_missed <= found.highest_met * 1.05
    assert trials[-1] == (found.highest_met, SIZES[-1])


def test_a_rate_that_a_long_trial_can_not_tell_lies_within_the_answer() -> None:
    def judge(trial: Trial) -> Certainty:
        if trial.size == SIZES[-1] and trial.load > 40.0:
            return "unclear"
        return "met" if trial.load <= 60.0 else "not met"

    found, _ = searched(judge, search_over_rates(20.0, precision=0.05))
    assert found.highest_met is not None
    assert 38.0 < found.highest_met <= 40.0
    assert found.unclear[-1] > 57.0


@given(st.integers(1, 400), st.integers(0, 60), st.integers(1, 100))
@settings(max_examples=80)
def test_what_is_never_clear_lies_within_the_answer_whose_ends_are_sure(
    low: int, width: int, first: int
) -> None:
    """From `low` on for so many users nothing can be told."""

    def judge(trial: Trial) -> Certainty:
        if low < trial.load <= low + width:
            return "unclear"
        return sharp(low)(trial)

    found, trials = searched(judge, search_over_users(first, precision=0.0))
    assert (found.highest_met, found.lowest_missed) == (low, low + width + 1)
    assert all(low < each <= low + width for each in found.unclear)
    for load in found.unclear:
        assert [trial.size for trial in trials if trial.load == load] == list(SIZES)


@given(st.floats(1, 100), st.floats(1.0, 3.0), st.floats(0.5, 50), st.floats(0.02, 0.5))
@settings(max_examples=80)
def test_rates_that_are_never_clear_lie_within_the_answer(
    low: float, width: float, first: float, precision: float
) -> None:
    def judge(trial: Trial) -> Certainty:
        if low < trial.load <= low * width:
            return "unclear"
        return sharp(low)(trial)

    found, _ = searched(judge, search_over_rates(first, precision=precision))
    assert found.highest_met is not None
    assert found.lowest_missed is not None
    assert found.highest_met <= low
    assert found.lowest_missed > low * width
    inner = [found.highest_met, *found.unclear, found.lowest_missed]
    assert inner[1] <= inner[0] * (1 + precision) * (1 + 1e-12)
    assert inner[-1] <= inner[-2] * (1 + precision) * (1 + 1e-12)


def test_what_is_unclear_at_first_is_tried_with_more() -> None:
    def judge(trial: Trial) -> Certainty:
        return sharp(10)(trial) if trial.size == SIZES[1] else "unclear"

    found, trials = searched(judge, search_over_users(8, precision=0.05))
    assert found == SearchResult(10, 11, ())
    assert [trial.size for trial in trials[:2]] == [1.0, 3.0]


@pytest.mark.parametrize("search", [search_over_users, search_over_rates])
def test_a_ceiling_that_is_met_is_the_answer_and_never_exceeded(
    search: Callable[..., LoadSearch],
) -> None:
    most = {"highest": 50} if search is search_over_users else {"highest_per_s": 50.0}
    found, trials = searched(sharp(1000), search(10, precision=0.05, **most))
    assert [trial.load for trial in trials[:4]] == [10, 20, 40, 50]
    assert [trial.load for trial in trials[4:]] == ([50] if search is search_over_rates else [])
    assert found == SearchResult(50, None, ())


def test_a_ceiling_that_cannot_be_told_leaves_the_upper_end_open() -> None:
    found, _ = searched(
        lambda trial: "unclear" if trial.load > 30 else "met",
        search_over_users(10, precision=0.05, highest=40),
    )
    assert found.lowest_missed is None
    assert found.highest_met in (29, 30)


def test_one_user_who_misses_ends_it() -> None:
    found, trials = searched(sharp(0), search_over_users(6, precision=0.05))
    assert [trial.load for trial in trials] == [6, 3, 1]
    assert found == SearchResult(None, 1, ())
    found, _ = searched(lambda _: "unclear", search_over_users(2, precision=0.05, highest=4))
    assert (found.highest_met, found.lowest_missed, found.unclear) == (None, None, (1, 2, 4))


def test_rates_of_which_none_is_met_or_missed_end_the_search() -> None:
    found, trials = searched(lambda _: "not met", search_over_rates(1024.0, precision=0.05))
    assert (found.highest_met, found.lowest_missed, len(trials)) == (None, 1.0, 11)
    found, trials = searched(lambda _: "met", search_over_rates(1.0, precision=0.05))
    assert (found.highest_met, found.lowest_missed, len(trials)) == (RATE_MAX_PER_S, None, 22)
