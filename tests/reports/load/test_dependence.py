"""What answers are worth that depend on one another."""

import numpy as np
import pytest

from headrace.reports.load import OPEN_WORTH, independent_share


def test_independent_answers_are_worth_almost_one_each() -> None:
    rng = np.random.default_rng(1)
    shares = [independent_share(rng.exponential(size=1000), open_loop=False) for _ in range(100)]
    assert 0.8 < float(np.mean(shares)) <= 1.0


def test_answers_that_come_in_runs_are_worth_as_many_as_there_are_runs() -> None:
    """Each time stands for ten answers in a row."""
    rng = np.random.default_rng(2)
    made = [np.repeat(rng.exponential(size=400), 10) for _ in range(50)]
    shares = [independent_share(each, open_loop=False) for each in made]
    assert float(np.median(shares)) == pytest.approx(0.1, rel=0.35)


@pytest.mark.parametrize("latencies", [np.ones(99), np.ones(1000), np.arange(20.0)])
def test_too_few_or_all_alike_say_nothing(latencies: np.ndarray) -> None:
    assert independent_share(latencies, open_loop=False) == 1.0


def test_of_an_open_loop_longer_stretches_count_too_and_few_are_less_sure() -> None:
    """The slow tenth comes once, 40 in a row: one of ten stretches has them all."""
    latencies = np.ones(400)
    latencies[80:120] = np.linspace(2, 3, 40)
    alone = np.var([1] * 40 + [0] * 360, ddof=1)
    closed, open_loop = (independent_share(latencies, open_loop=each) for each in (False, True))
    assert closed == pytest.approx(alone / (20 * np.var([1, 1] + [0] * 18, ddof=1)))
    ten = alone / (40 * np.var([1] + [0] * 9, ddof=1))
    assert open_loop == pytest.approx(ten * (2.5758 / 3.2498) ** 2)
    rng = np.random.default_rng(3)
    shares = [independent_share(rng.exponential(size=1000), open_loop=True) for _ in range(100)]
    assert 0.4 < float(np.mean(shares)) <= OPEN_WORTH
