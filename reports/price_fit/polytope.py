"""What linear bounds leave open, exactly: a polytope in whole numbers and fractions.

The simplex method in dictionary form with Bland's rule (R. G. Bland, "New finite pivoting rules for
the simplex method", Mathematics of Operations Research 2, 1977), which ends whatever ties there
are. Nothing is rounded, so a range holds the truth wherever the bounds do.
"""

from collections.abc import Sequence
from fractions import Fraction

ZERO = Fraction(0)


class Polytope:
    """The points `x >= 0` with `low <= a . x <= high` for every bound that was added."""

    def __init__(self, size: int) -> None:
        self.size = size
        # Each basic variable is a constant and a sum over the nonbasic ones, which are 0. Variables
        # from `size` on are the slacks of bounds.
        self._nonbasic = list(range(size))
        self._basic: list[int] = []
        self._rows: list[list[Fraction]] = []

    def add(self, factors: Sequence[int], low: int | None, high: int | None) -> bool:
        """Bound `factors . x` from below, from above, or both.

        Returns:
            Whether any point is left. Where none would be, nothing is added.
        """
        before = list(self._nonbasic), list(self._basic), [list(row) for row in self._rows]
        for sign, bound in ((1, low), (-1, high)):
            if bound is None:
                continue
            row = self._expressed([sign * factor for factor in factors])
            row[0] -= sign * bound
            self._basic.append(self.size + len(self._basic))
            self._rows.append(row)
        if self._restore():
            return True
        self._nonbasic, self._basic, self._rows = before
        return False

    def range(self, factors: Sequence[int]) -> tuple[Fraction, Fraction | None]:
        """The least and the most of `factors . x`, which is never below 0; None for no most."""
        least = self._greatest([-factor for factor in factors])
        return (ZERO if least is None else -least), self._greatest(factors)

    def _expressed(self, factors: Sequence[int]) -> list[Fraction]:
        """`factors . x` as a constant and a sum over the nonbasic variables."""
        row = [ZERO] * (len(self._nonbasic) + 1)
        at = {name: number + 1 for number, name in enumerate(self._nonbasic)}
        rows = dict(zip(self._basic, self._rows, strict=True))
        for name, factor in enumerate(factors):
            if not factor:
                continue
            if name in at:
                row[at[name]] += factor
                continue
            for number, value in enumerate(rows[name]):
                if value:
                    row[number] += factor * value
        return row

    def _restore(self) -> bool:
        """Pivot until no basic variable is negative; False where that can't be."""
        while short := [
            (name, number) for number, name in enumerate(self._basic) if self._rows[number][0] < 0
        ]:
            leaving = min(short)[1]
            row = self._rows[leaving]
            helping = [
                (name, column)
                for column, name in enumerate(self._nonbasic, start=1)
                if row[column] > 0
            ]
            if not helping:
                return False
            self._pivot(leaving, min(helping)[1])
        return True

    def _greatest(self, factors: Sequence[int]) -> Fraction | None:
        """The most of `factors . x`; None where nothing bounds it."""
        while True:
            aim = self._expressed(factors)
            rising = [
                (name, column)
                for column, name in enumerate(self._nonbasic, start=1)
                if aim[column] > 0
            ]
            if not rising:
                return aim[0]
            column = min(rising)[1]
            limits = [
                (row[0] / -row[column], self._basic[number], number)
                for number, row in enumerate(self._rows)
                if row[column] < 0
            ]
            if not limits:
                return None
            self._pivot(min(limits)[2], column)

    def _pivot(self, number: int, column: int) -> None:
        """Have the basic variable of a row and the nonbasic one of a column change places."""
        row = self._rows[number]
        factor = row[column]
        solved = [-value / factor for value in row]
        solved[column] = 1 / factor
        self._basic[number], self._nonbasic[column - 1] = (
            self._nonbasic[column - 1],
            self._basic[number],
        )
        self._rows[number] = solved
        for other, values in enumerate(self._rows):
            share = values[column]
            if other == number or not share:
                continue
            values[column] = ZERO
            for place, value in enumerate(solved):
                if value:
                    values[place] += share * value
