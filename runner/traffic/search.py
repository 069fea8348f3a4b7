"""Searching for the highest rate that meets objectives: which rate to try next, and how long.

First the rate is doubled, or halved, until one meets the objectives and another doesn't; then the
space between the two is halved (on a scale of ratios) until it is narrow enough, as the throughput
tests of RFC 2544, section 26.1, do it. Each trial is as short as can be told from chance: it begins
with a quarter of the requests, and only while the objectives are neither surely met nor surely
missed is it made again with more, as in the multiple loss ratio search of the IETF's benchmarking
group (draft-ietf-bmwg-mlrsearch). What still can't be told is taken as it came out, and marked: the
rate then lies about as near to the limit as chance allows.

Pure: it sends nothing and knows no clock.
"""

from typing import Literal, NamedTuple

Certainty = Literal["met", "not met", "unclear"]

# Sizes of a rate's trials, one after the other, as parts of the requests that were asked for.
SIZES = (0.25, 1.0, 2.0)
# How far below the first rate one is looked for before the search gives up.
LOWEST_SHARE = 1 / 1024


class Trial(NamedTuple):
    """One run to be made: a load, a rate per second or a number of users, and its size as a
    multiple of the requests asked for."""

    load: float
    size: float


class SearchResult(NamedTuple):
    """Where the search has come to: `highest_met` is the highest load that met the objectives,
    `lowest_missed` the lowest that didn't; None where there is none. `unclear` are loads that could
    not be told from the limit: rates were taken as they came out."""

    highest_met: float | None
    lowest_missed: float | None
    unclear: tuple[float, ...]


class RateSearch:
    """Ask `next` for a trial, make it, `tell` what came of it, until `next` has none.

    `precision` is how far apart the two rates of the answer may lie, as a share of the lower.
    `highest` is never exceeded.
    """

    def __init__(
        self, first_rate_per_s: float, *, precision: float = 0.05, highest: float | None = None
    ) -> None:
        self._precision = precision
        self._highest = highest
        self._lowest = first_rate_per_s * LOWEST_SHARE
        self._rate: float | None = first_rate_per_s
        self._size = 0
        self._met: float | None = None
        self._missed: float | None = None
        self._unclear: list[float] = []

    @property
    def found(self) -> SearchResult:
        """What is known so far."""
        return SearchResult(self._met, self._missed, tuple(self._unclear))

    def next(self) -> Trial | None:
        """The next trial; None once the answer is as narrow as it is to be."""
        return None if self._rate is None else Trial(self._rate, SIZES[self._size])

    def tell(self, certainty: Certainty, *, met: bool) -> None:
        """What came of the last trial: how sure it is, and `met` by the figures as they are."""
        assert self._rate is not None
        if certainty == "unclear":
            if self._size < len(SIZES) - 1:
                self._size += 1
                return
            self._unclear.append(self._rate)
            certainty = "met" if met else "not met"
        self._size = 0
        if certainty == "met":
            self._met = max(self._met or 0.0, self._rate)
        else:
            self._missed = min(self._missed or self._rate, self._rate)
        self._rate = self._after()

    def _after(self) -> float | None:
        met, missed = self._met, self._missed
        if missed is None:
            assert met is not None
            if self._highest is None:
                return met * 2
            return min(met * 2, self._highest) if met < self._highest else None
        if met is None:
            return missed / 2 if missed / 2 >= self._lowest else None
        if missed <= met * (1 + self._precision):
            return None
        return float((met * missed) ** 0.5)
