"""Which prices rest on a single observation: an error in that one would go unseen."""

from collections.abc import Sequence
from fractions import Fraction


class _Rows:
    """Rows of factors, each a sum of rows of the basis: of those that no earlier ones add up to."""

    def __init__(self) -> None:
        # A pivot's column, a row with nothing in the columns of the pivots before it, and which sum
        # of rows of the basis it is.
        self._reduced: list[tuple[int, list[Fraction], dict[int, Fraction]]] = []

    def add(self, factors: Sequence[int]) -> dict[int, Fraction] | None:
        """Which sum of the basis a row is; None where it has become one of the basis."""
        left, made = self._reduce(factors)
        column = next((column for column, value in enumerate(left) if value), None)
        if column is None:
            return made
        own = {number: -share for number, share in made.items()}
        self._reduced.append((column, left, own | {len(self._reduced): Fraction(1)}))
        return None

    def made_of(self, factors: Sequence[int]) -> dict[int, Fraction] | None:
        """The same, adding nothing; None where it is not a sum of it."""
        left, made = self._reduce(factors)
        return None if any(left) else made

    def _reduce(self, factors: Sequence[int]) -> tuple[list[Fraction], dict[int, Fraction]]:
        left, made = [Fraction(factor) for factor in factors], dict[int, Fraction]()
        for column, row, sums in self._reduced:
            if not (share := left[column] / row[column]):
                continue
            left = [value - share * less for value, less in zip(left, row, strict=True)]
            for number, part in sums.items():
                made[number] = made.get(number, Fraction(0)) + share * part
        return left, {number: share for number, share in made.items() if share}


def unchecked(rows: Sequence[Sequence[int]], size: int) -> list[int]:
    """The unknowns, of `size`, that are not determined any more once some one equation is left out.

    Args:
        rows: the factors of each equation.
        size: how many unknowns there are.

    What no equations determine together is among them.
    """
    basis, checked = _Rows(), set[int]()
    for row in rows:
        if (made := basis.add(row)) is not None:
            checked.update(made)
    found = []
    for number in range(size):
        made = basis.made_of([int(number == each) for each in range(size)])
        if made is None or not checked.issuperset(made):
            found.append(number)
    return found
