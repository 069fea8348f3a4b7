"""What answers are worth that depend on one another."""

import numpy as np
import pytest

from headrace.reports.load import independent_share


def test_independent_answers_are_worth_almost_one_each() -> None:
    rng = np.random.default_rng(1)
    shares = [independent_share(rng.exponential(size=1000)) for _ in range(100)]
    assert 0.8 < float(np.mean(shares)) <= 1.0


def test_answers_that_come_in_runs_are_worth_as_many_as_there_are_runs() -> None:
    """Each time stands for ten answers in a row."""
    rng = np.random.default_rng(2)
    shares = [independent_share(np.repeat(rng.exponential(size=400), 10)) for _ in range(50)]
    assert float(np.median(shares)) == pytest.approx(0.1, rel=0.35)


@pytest.mark.parametrize("latencies", [np.ones(99), np.ones(1000), np.arange(20.0)])
def test_too_few_or_all_alike_say_nothing(latencies: np.ndarray) -> None:
    assert independent_share(latencies) == 1.0
