"""Several judgements at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.uncertainty.holm import holm, holm_rejects


def test_holm_counts_the_comparisons() -> None:
    # Worked by hand: 4 x 0.01, 3 x 0.015, and then never less than the one before.
    assert holm([0.04, 0.01, 0.03, 0.015]) == pytest.approx([0.06, 0.04, 0.06, 0.045])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0.0001, 1), max_size=8), st.floats(0.01, 0.2))
def test_asked_level_by_level_the_same_fall(p_values: list[float], alpha: float) -> None:
    fallen = holm_rejects(len(p_values), alpha, lambda each, level: p_values[each] < level)
    # Holm's own words: in order of p, until the first that stands.
    by_hand, order = set(), sorted(range(len(p_values)), key=lambda each: p_values[each])
    for rank, each in enumerate(order):
        if not p_values[each] < alpha / (len(p_values) - rank):
            break
        by_hand.add(each)
    assert fallen == by_hand
