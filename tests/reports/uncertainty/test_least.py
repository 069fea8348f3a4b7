"""The least of several figures: its interval holds the least of the truths."""

import numpy as np
import polars as pl
import pytest

from headrace.reports.uncertainty import Estimate, clustered, mean_estimate
from headrace.reports.uncertainty.least import least


def share(values: "np.typing.NDArray[np.bool_]") -> Estimate:
    return mean_estimate(clustered(pl.Series(values), pl.Series(range(len(values)))))


def test_one_figure_is_the_least() -> None:
    one = share(np.arange(50) < 40)
    assert least([one]) is one


def test_the_ends_are_those_of_all() -> None:
    one, other = share(np.arange(100) < 90), share(np.arange(100) < 88)
    found = least([one, other])
    assert found.value == 0.88
    assert found.ends(0.95, 1).low == other.ends(0.95, 1).low
    assert found.ends(0.95, 1).high == other.ends(0.975, 1).high
    assert found.ends(0.95, 4).high == other.ends(0.975, 4).high


@pytest.mark.parametrize("truths", [(0.9, 0.9, 0.9), (0.97, 0.95, 0.8)])
def test_the_least_truth_is_in_the_interval(truths: tuple[float, ...]) -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        found = least([share(rng.random(100) < truth) for truth in truths]).ends(0.95, 1)
        held += found.low <= min(truths) <= found.high
    assert held >= 0.93 * 400
