"""Which requests of a load run one process sends, where several share it."""

from typing import NamedTuple


class Part(NamedTuple):
    """One of `of` parts, counted from 0: of an open loop every request whose index is `number` more
    than a multiple of `of`, of a closed one the users with such numbers.

    The parts together are the whole, whatever their number.
    """

    number: int = 0
    of: int = 1

    def has(self, number: int) -> bool:
        """Whether it is this part's."""
        return number % self.of == self.number

    def share(self, count: int) -> int:
        """How many of `count` are this part's, dealt out evenly."""
        return count // self.of + (self.number < count % self.of)


WHOLE = Part()
