"""The search for the highest rate, on services that are a formula."""

import math
from collections.abc import Callable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.traffic.search import SIZES, Certainty, RateSearch, SearchResult, Trial


def searched(
    judge: Callable[[Trial], tuple[Certainty, bool]], search: RateSearch
) -> tuple[SearchResult, list[Trial]]:
    trials = []
    while (trial := search.next()) is not None:
        trials.append(trial)
        assert len(trials) < 200
        certainty, met = judge(trial)
        search.tell(certainty, met=met)
    return search.found, trials


def sharp(limit: float) -> Callable[[Trial], tuple[Certainty, bool]]:
    """A service whose limit shows in the shortest trial."""

    def judge(trial: Trial) -> tuple[Certainty, bool]:
        met = trial.load <= limit
        return ("met" if met else "not met"), met

    return judge


def test_it_doubles_and_then_halves_on_a_scale_of_ratios() -> None:
    found, trials = searched(sharp(100.0), RateSearch(10.0, precision=0.1))
    rates = [trial.load for trial in trials]
    # 10, 20, 40, 80, 160, then the geometric mean of what met and what missed.
    assert rates[:5] == [10.0, 20.0, 40.0, 80.0, 160.0]
    assert rates[5:] == [
        math.sqrt(80 * 160),
        math.sqrt(80 * rates[5]),
        math.sqrt(rates[6] * rates[5]),
    ]
    assert {trial.size for trial in trials} == {SIZES[0]}
    assert found == SearchResult(rates[6], rates[7], ())


@given(st.floats(0.02, 2000), st.floats(0.01, 0.5), st.floats(0.5, 50))
def test_the_answer_encloses_the_limit_as_narrowly_as_asked(
    limit: float, precision: float, first: float
) -> None:
    found, trials = searched(sharp(limit), RateSearch(first, precision=precision))
    if limit < first / 1024:
        assert found.highest_met is None
        return
    if found.highest_met is None:
        assert found.lowest_missed is not None
        assert found.lowest_missed / 2 < first / 1024
        return
    assert found.lowest_missed is not None
    assert found.highest_met <= limit < found.lowest_missed
    assert found.lowest_missed <= found.highest_met * (1 + precision)
    doublings = abs(math.log2(limit / first)) + 2
    halvings = math.log2(math.log(2) / math.log1p(precision)) + 1
    assert len(trials) <= doublings + max(0, halvings) + 1


def test_a_ceiling_that_is_met_is_the_answer() -> None:
    found, trials = searched(sharp(1e9), RateSearch(10.0, highest=50.0))
    assert [trial.load for trial in trials] == [10.0, 20.0, 40.0, 50.0]
    assert found == SearchResult(50.0, None, ())


def test_a_service_that_meets_nothing_ends_the_search() -> None:
    found, trials = searched(lambda _: ("not met", False), RateSearch(1024.0))
    assert (found.highest_met, found.lowest_missed) == (None, 1.0)
    assert len(trials) == 11


def test_what_is_unclear_is_tried_again_with_more_and_then_taken_as_it_came() -> None:
    def judge(trial: Trial) -> tuple[Certainty, bool]:
        if trial.load == 20.0:
            return "unclear", trial.size == SIZES[-1]
        return sharp(25.0)(trial)

    found, trials = searched(judge, RateSearch(10.0, precision=0.2))
    assert [trial.size for trial in trials if trial.load == 20.0] == list(SIZES)
    assert [trial.size for trial in trials if trial.load != 20.0] == [SIZES[0]] * (
        len(trials) - len(SIZES)
    )
    assert found.unclear == (20.0,)
    assert found.highest_met is not None
    assert 20.0 <= found.highest_met <= 25.0


def test_on_a_noisy_service_it_ends_near_the_limit() -> None:
    """Each request is good with a chance that falls through 95 % at 100/s;
    95 % of them are to meet it, and a trial says so only when three standard errors agree."""
    rng = Random(5)
    ends = []
    for _ in range(100):

        def judge(trial: Trial) -> tuple[Certainty, bool]:
            count = round(400 * trial.size)
            chance = min(1.0, max(0.0, 0.95 - 0.6 * math.log(trial.load / 100)))
            good = sum(rng.random() < chance for _ in range(count)) / count
            error = 3 * math.sqrt(0.95 * 0.05 / count)
            if abs(good - 0.95) < error:
                return "unclear", good >= 0.95
            return ("met" if good > 0.95 else "not met"), good >= 0.95

        found, _ = searched(judge, RateSearch(10.0))
        assert found.highest_met is not None
        ends.append(found.highest_met)
    assert min(ends) > 90
    assert max(ends) < 112
    assert 97 < sum(ends) / len(ends) < 103
