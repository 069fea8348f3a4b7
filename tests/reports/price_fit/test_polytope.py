"""What linear bounds leave open, against all corners found by brute force."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.price_fit.polytope import Polytope

MOST = 30
Bound = tuple[list[int], int | None, int]


@st.composite
def bounds(draw: st.DrawFn) -> tuple[int, list[Bound]]:
    """Bounds of up to three variables; the last ones keep each of them below `MOST`."""
    size = draw(st.integers(1, 3))
    found: list[Bound] = []
    for _ in range(draw(st.integers(1, 4))):
        factors = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
        low = draw(st.integers(0, 12))
        high = low + draw(st.sampled_from([0, 0, 1, 5]))
        found.append((factors, draw(st.sampled_from([low, low, None])), high))
    return size, [*found, *((unit(size, number), None, MOST) for number in range(size))]


def unit(size: int, number: int) -> list[int]:
    return [int(other == number) for other in range(size)]


def corners(size: int, given_bounds: Sequence[Bound]) -> list[list[Fraction]]:
    """Where as many bounds as there are variables are met exactly, and the others hold."""
    halves = [(unit(size, number), 0, 1) for number in range(size)]
    halves += [(factors, low, 1) for factors, low, _ in given_bounds if low is not None]
    halves += [(factors, high, -1) for factors, _, high in given_bounds]
    points = [
        solved([each[0] for each in some], [each[1] for each in some])
        for some in combinations(halves, size)
    ]
    return [
        point
        for point in points
        if point is not None
        and all(sign * (dot(factors, point) - bound) >= 0 for factors, bound, sign in halves)
    ]


def dot(factors: Sequence[int], point: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(factors, point, strict=True)), Fraction(0))


def solved(rows: Sequence[Sequence[int]], right: Sequence[int]) -> list[Fraction] | None:
    """Gauss and Jordan; None where the rows depend on one another."""
    size = len(rows)
    table = [[Fraction(v) for v in row] + [Fraction(r)] for row, r in zip(rows, right, strict=True)]
    for column in range(size):
        pivot = next((row for row in range(column, size) if table[row][column]), None)
        if pivot is None:
            return None
        table[column], table[pivot] = table[pivot], table[column]
        table[column] = [value / table[column][column] for value in table[column]]
        for row in range(size):
            if row != column:
                share = table[row][column]
                table[row] = [a - share * b for a, b in zip(table[row], table[column], strict=True)]
    return [row[size] for row in table]


@given(bounds())
def test_the_range_of_each_variable_is_that_of_the_corners(case: tuple[int, list[Bound]]) -> None:
    size, given_bounds = case
    polytope = Polytope(size)
    any_left = all(polytope.add(*bound) for bound in given_bounds)
    points = corners(size, given_bounds)
    assert any_left == bool(points)
    if points:
        found = [polytope.range(unit(size, number)) for number in range(size)]
        assert found == [(min(each), max(each)) for each in zip(*points, strict=True)]


def test_a_bound_that_leaves_nothing_is_not_added() -> None:
    polytope = Polytope(2)
    assert polytope.add([1, 1], 4, 4)
    assert not polytope.add([1, 1], 5, 9)
    assert polytope.add([1, 0], 1, 1)
    assert polytope.range([0, 1]) == (Fraction(3), Fraction(3))


def test_what_nothing_bounds_has_no_most() -> None:
    polytope = Polytope(2)
    polytope.add([1, 0], 2, None)
    assert polytope.range([1, 0]) == (Fraction(2), None)
    assert polytope.range([0, 1]) == (Fraction(0), None)
