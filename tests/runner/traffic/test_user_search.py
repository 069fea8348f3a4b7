"""The search for the number of users, on services that are a formula."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runner.traffic.search import Certainty, SearchResult, Trial
from headrace.runner.traffic.user_search import USER_SIZES, UserSearch


def searched(
    judge: Callable[[Trial], Certainty], search: UserSearch
) -> tuple[SearchResult, list[Trial]]:
    trials = []
    while (trial := search.next()) is not None:
        trials.append(trial)
        assert len(trials) < 300
        search.tell(judge(trial), met=False)
    return search.found, trials


def sharp(limit: int) -> Callable[[Trial], Certainty]:
    """A service whose limit shows in the shortest trial."""
    return lambda trial: "met" if trial.load <= limit else "not met"


def test_it_doubles_and_then_halves_down_to_the_very_number() -> None:
    found, trials = searched(sharp(22), UserSearch(4))
    assert [trial.load for trial in trials] == [4, 8, 16, 32, 23, 19, 21, 22]
    assert {trial.size for trial in trials} == {USER_SIZES[0]}
    assert found == SearchResult(22, 23, ())


@given(st.integers(1, 5000), st.integers(1, 300), st.floats(0, 0.5))
@settings(max_examples=80)
def test_the_answer_encloses_the_limit_as_narrowly_as_asked(
    limit: int, first: int, precision: float
) -> None:
    found, trials = searched(sharp(limit), UserSearch(first, precision=precision))
    assert found.highest_met is not None
    assert found.lowest_missed is not None
    assert found.highest_met <= limit < found.lowest_missed
    assert found.lowest_missed - found.highest_met <= max(1, found.highest_met * precision)
    assert len({trial.load for trial in trials}) == len(trials)


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

    found, trials = searched(judge, UserSearch(first, precision=0.0))
    assert (found.highest_met, found.lowest_missed) == (low, low + width + 1)
    assert all(low < each <= low + width for each in found.unclear)
    for load in found.unclear:
        assert [trial.size for trial in trials if trial.load == load] == list(USER_SIZES)


def test_what_is_unclear_at_first_is_tried_with_more() -> None:
    def judge(trial: Trial) -> Certainty:
        return sharp(10)(trial) if trial.size == USER_SIZES[1] else "unclear"

    found, trials = searched(judge, UserSearch(8))
    assert found == SearchResult(10, 11, ())
    assert [trial.size for trial in trials[:2]] == [1.0, 3.0]


def test_a_ceiling_that_is_met_is_the_answer_and_never_exceeded() -> None:
    found, trials = searched(sharp(1000), UserSearch(10, highest=50))
    assert [trial.load for trial in trials] == [10, 20, 40, 50]
    assert found == SearchResult(50, None, ())


def test_a_ceiling_that_cannot_be_told_leaves_the_upper_end_open() -> None:
    found, _ = searched(
        lambda trial: "unclear" if trial.load > 30 else "met", UserSearch(10, highest=40)
    )
    assert found.lowest_missed is None
    assert found.highest_met in (29, 30)


def test_one_user_who_misses_ends_it() -> None:
    found, trials = searched(sharp(0), UserSearch(6))
    assert [trial.load for trial in trials] == [6, 3, 1]
    assert found == SearchResult(None, 1, ())
    found, _ = searched(lambda _: "unclear", UserSearch(2, highest=4))
    assert (found.highest_met, found.lowest_missed, found.unclear) == (None, None, (1, 2, 4))
