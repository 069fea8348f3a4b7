"""Searching for the highest load that meets objectives: which load to try next, and how long.

The load, a rate or a number of users, is doubled, or halved, until one surely meets the objectives
and another surely misses them; then the space between is halved on a scale of ratios, as in the
throughput tests of RFC 2544, section 26.1. A load that can't be told from the limit is tried again
with three and nine times the requests, as the multiple loss ratio search of the IETF's benchmarking
group does it (draft-ietf-bmwg-mlrsearch), and if it stays so it belongs to the answer: the search
then narrows the space below it and the space above it by themselves. So the answer is two loads
that were sure, and what lies between them was tried or is as near as was asked for.

A little above what a service carries a queue grows slowly, and a short trial ends before it hurts:
so the highest rate is tried once more for nine times as long before it is the answer. Users wait
for their answers, and no queue of theirs grows for ever.

Pure: it sends nothing and knows no clock.
"""

import math
from typing import Literal, NamedTuple

Certainty = Literal["met", "not met", "unclear"]

# Sizes of a load's trials, one after the other, as parts of the requests that were asked for.
SIZES = (1.0, 3.0, 9.0)
LONGEST = len(SIZES) - 1
# How far below the first rate one is looked for before the search gives up.
LOWEST_SHARE = 1 / 1024
USERS_MAX = 1_000_000
RATE_MAX_PER_S = 1e6


class Trial(NamedTuple):
    """One run to be made: a load, a rate per second or a number of users, and its size as a
    multiple of the requests asked for."""

    load: float
    size: float


class SearchResult(NamedTuple):
    """Where the search has come to: `highest_met` is the highest load that surely met the
    objectives, `lowest_missed` the lowest that surely didn't; None where there is none. `unclear`
    are loads between them that could not be told from the limit."""

    highest_met: float | None
    lowest_missed: float | None
    unclear: tuple[float, ...]


class LoadSearch:
    """Ask `next` for a trial, make it, `tell` what came of it, until `next` has none.

    `precision` is how far apart the ends of the answer may lie where all is sure, as a share of the
    lower. `highest` is never exceeded, and nothing below `lowest` is tried. `whole` loads are
    users: the ends of the answer are neighbours at the nearest; others are rates, of which the
    highest is confirmed.
    """

    def __init__(
        self, first: float, *, precision: float, highest: float, lowest: float, whole: bool
    ) -> None:
        self._precision = precision
        self._highest, self._lowest = highest, lowest
        self._whole = whole
        self._load: float | None = min(first, highest)
        self._size = 0
        self._met_at: dict[float, int] = {}  # loads that met, and the place of that trial's size
        self._missed: float | None = None
        self._unclear: set[float] = set()

    @property
    def _met(self) -> float | None:
        return max(self._met_at, default=None)

    @property
    def found(self) -> SearchResult:
        """What is known so far."""
        return SearchResult(self._met, self._missed, tuple(self._between()))

    def next(self) -> Trial | None:
        """The next trial; None once the answer is as narrow as it can be."""
        return None if self._load is None else Trial(self._load, SIZES[self._size])

    def tell(self, certainty: Certainty) -> None:
        """What came of the last trial."""
        load = self._load
        assert load is not None
        if certainty == "unclear":
            if self._size < LONGEST:
                self._size += 1
                return
            self._unclear.add(load)
            self._met_at.pop(load, None)
        elif certainty == "met":
            self._met_at[load] = self._size
        else:
            self._missed = min(self._missed or load, load)
            self._met_at.pop(load, None)
        self._size = 0
        self._load = self._after()
        met = self._met
        if self._load is None and not self._whole and met and self._met_at[met] < LONGEST:
            self._load, self._size = met, LONGEST

    def _between(self) -> list[float]:
        low, high = self._met or 0.0, self._missed or math.inf
        return sorted(each for each in self._unclear if low < each < high)

    def _after(self) -> float | None:
        """Widened until both ends are sure, then the space below what is unclear, then above it."""
        unclear = self._between()
        if self._missed is None:
            tried = max(self._met or 0.0, *unclear, 0.0)
            if tried < self._highest:
                return min(tried * 2, self._highest)
        upper = self._missed if self._missed is not None else self._highest
        if self._met is None:
            least = min([upper, *unclear])
            if least > self._lowest:
                half = float(least // 2) if self._whole else least / 2
                return max(half, self._lowest)
        edges = [self._met or 0.0, *unclear, upper]
        if (below := self._middle(edges[0], edges[1])) is not None:
            return below
        return self._middle(edges[-2], edges[-1]) if unclear and self._missed is not None else None

    def _middle(self, low: float, high: float) -> float | None:
        """What lies between two loads, on a scale of ratios; None where they are near enough."""
        if not low or high - low <= max(float(self._whole), low * self._precision):
            return None
        middle = math.sqrt(low * high)
        return min(max(round(middle), low + 1), high - 1) if self._whole else middle


def search_over_users(first: int, *, precision: float, highest: int | None = None) -> LoadSearch:
    """A search for a number of users; a `precision` of 0 asks for the very number."""
    most = USERS_MAX if highest is None else highest
    return LoadSearch(first, precision=precision, highest=most, lowest=1.0, whole=True)


def search_over_rates(
    first_per_s: float, *, precision: float, highest_per_s: float | None = None
) -> LoadSearch:
    """A search for a rate per second; it gives up at a thousandth of the first one."""
    most = RATE_MAX_PER_S if highest_per_s is None else highest_per_s
    lowest = first_per_s * LOWEST_SHARE
    return LoadSearch(first_per_s, precision=precision, highest=most, lowest=lowest, whole=False)
