"""The rows of the table of times, for a terminal, a page and Markdown: each figure of what was
answered, and below it, where requests failed or were cut off, the one that has them too."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from .figures import LoadFigures
from .sentences import LOAD_METRIC_NAMES, PERCENTILES, interval, says_something, within
from .spread import AdjustedPercentile, Spread

WITH_FAILURES = "with failures"
# What such a row is, wherever there is one.
WITH_FAILURES_WORDS = (
    "with failures: over all requests, those that failed as infinite, those that were cut off or "
    "never sent as at least what they had waited"
)


class TimesRow(NamedTuple):
    """One figure; `percentiles` has each value and its 95 % interval."""

    name: str
    requests: str
    percentiles: list[tuple[str, str]]
    most: str


def times_table(figures: LoadFigures, show: Callable[[float], str]) -> Iterator[TimesRow]:
    """All rows; `show` writes a number of seconds."""
    for spread in figures.times:
        if not says_something(figures, spread):
            continue
        yield _answered(spread, show)
        if (of := spread.adjusted_of) is not None and of.differ:
            cells = [
                (adjusted_value(each, show), _adjusted_interval(each, show))
                for each in spread.adjusted
                if each.name in PERCENTILES
            ]
            total = of.known + of.failed + of.cut
            yield TimesRow(WITH_FAILURES, f"{total:,}", cells, "")


def adjusted_value(each: AdjustedPercentile, show: Callable[[float], str]) -> str:
    """ "2.1 s", or ">= 2.1 s" where too much was cut off to tell more, or "infinite"."""
    if each.value is not None:
        return show(each.value)
    return "infinite" if each.at_least is None else f">= {show(each.at_least)}"


def _answered(spread: Spread, show: Callable[[float], str]) -> TimesRow:
    name = LOAD_METRIC_NAMES[spread.metric] + (" from due" if spread.since == "due" else "")
    if spread.max is None:
        return TimesRow(name, "0", [("-", "")] * len(PERCENTILES), "-")
    cells = [
        (show(each.value), interval(each))
        for each in (spread.percentile(name) for name in PERCENTILES)
    ]
    return TimesRow(name, f"{spread.count:,}", cells, show(spread.max))


def _adjusted_interval(each: AdjustedPercentile, show: Callable[[float], str]) -> str:
    """Of what is known to be at least something, the interval says nothing more; of what is
    infinite it has a lower end."""
    if each.value is not None:
        return within(each.value, each.low, each.high)
    return f"≥ {show(each.low)}" if each.infinite and each.low is not None else ""
