"""Searching for the number of users that objectives carry: which number to try next, and how long.

The number is doubled, or halved, until one surely meets the objectives and another surely misses
them; then the space between is halved. A number that can't be told from the limit is tried again
with three and nine times the requests, and if it stays so it belongs to the answer: the search then
narrows the space below it and the space above it by themselves. So the answer is two numbers that
were sure, and what lies between them was tried or is as near as was asked for.

Pure: it sends nothing and knows no clock.
"""

import math

from .search import Certainty, SearchResult, Trial

# Sizes of a number's trials, one after the other, as parts of the requests that were asked for.
USER_SIZES = (1.0, 3.0, 9.0)
USERS_MAX = 1_000_000


class UserSearch:
    """Ask `next` for a trial, make it, `tell` what came of it, until `next` has none.

    `precision` is how far apart the ends of the answer may lie where all is sure, as a share of the
    lower: 0 asks for the very number. `highest` is never exceeded.
    """

    def __init__(self, first: int, *, precision: float = 0.05, highest: int = USERS_MAX) -> None:
        self._precision = precision
        self._highest = highest
        self._users: int | None = min(first, highest)
        self._size = 0
        self._met: int | None = None
        self._missed: int | None = None
        self._unclear: set[int] = set()

    @property
    def found(self) -> SearchResult:
        """The highest number that surely met, the lowest that surely missed, and what was tried
        between them and could not be told."""
        return SearchResult(self._met, self._missed, tuple(float(each) for each in self._between()))

    def next(self) -> Trial | None:
        """The next trial; None once the answer is as narrow as it can be."""
        return None if self._users is None else Trial(self._users, USER_SIZES[self._size])

    def tell(self, certainty: Certainty, *, met: bool) -> None:
        """What came of the last trial. Only what is sure counts: `met`, by the figures as they came
        out, does not."""
        users = self._users
        assert users is not None
        if certainty == "unclear":
            if self._size < len(USER_SIZES) - 1:
                self._size += 1
                return
            self._unclear.add(users)
        elif certainty == "met":
            self._met = max(self._met or 0, users)
        else:
            self._missed = min(self._missed or users, users)
        self._size = 0
        self._users = self._after()

    def _between(self) -> list[int]:
        low, high = self._met or 0, self._missed or math.inf
        return sorted(each for each in self._unclear if low < each < high)

    def _after(self) -> int | None:
        """Widened until both ends are sure, then the space below what is unclear, then above it."""
        unclear = self._between()
        if self._missed is None:
            tried = max(self._met or 0, *unclear, 0)
            if tried < self._highest:
                return min(tried * 2, self._highest)
        upper = self._missed if self._missed is not None else self._highest + 1
        if self._met is None:
            lowest = min([upper, *unclear])
            if lowest > 1:
                return max(1, lowest // 2)
        lower = self._met or 0
        edges = [lower, *unclear, upper]
        if (below := self._middle(edges[0], edges[1])) is not None:
            return below
        return self._middle(edges[-2], edges[-1]) if unclear and self._missed is not None else None

    def _middle(self, low: int, high: int) -> int | None:
        """What lies between two numbers, on a scale of ratios; None where they are near enough."""
        if high - low <= max(1.0, low * self._precision):
            return None
        return min(max(round(math.sqrt(max(low, 1) * high)), low + 1), high - 1)
