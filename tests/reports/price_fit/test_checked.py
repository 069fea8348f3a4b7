"""Which unknowns rest on a single equation."""

import pytest

from headrace.reports.price_fit.checked import unchecked


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([[1, 0], [0, 1]], [0, 1]),
        ([[1, 0], [0, 1], [2, 0]], [1]),
        ([[1, 0], [0, 1], [2, 3]], []),
        ([[2, 1], [2, 1]], [0, 1]),
        ([], [0, 1]),
        ([[1, 1], [1, 2], [1, 3], [0, 0]], []),
    ],
)
def test_those_that_one_equation_less_leaves_open(rows: list[list[int]], found: list[int]) -> None:
    assert unchecked(rows, 2) == found


def test_an_equation_that_two_others_add_up_to_checks_both() -> None:
    assert unchecked([[3, 1, 0], [1, 2, 0], [4, 3, 0], [0, 0, 5]], 3) == [2]
