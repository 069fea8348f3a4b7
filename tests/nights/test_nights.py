"""One case of each promise that `make nights` tries hundreds of times; the nights of
tests/examples go through the command."""

from collections.abc import Callable

import numpy as np
import pytest

from .simulation import Answers, after_good_nights, alike, drift_cost, independent

pytestmark = pytest.mark.slow
Kind = Callable[[np.random.Generator], Callable[[float], Answers]]
KINDS = pytest.mark.parametrize("kind", [independent, alike])


@KINDS
def test_a_fall_of_15_points_is_red(kind: Kind) -> None:
    falls = [after_good_nights(kind(np.random.default_rng(seed)), 5, 0.55).red for seed in range(4)]
    assert falls == [True] * 4


@KINDS
def test_no_change_is_not_red(kind: Kind) -> None:
    none = [after_good_nights(kind(np.random.default_rng(seed)), 5).red for seed in range(8)]
    assert none == [False] * 8


def test_a_drift_is_red_before_it_has_cost_12_points() -> None:
    assert drift_cost(alike(np.random.default_rng(1))) < 12
