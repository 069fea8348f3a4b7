"""Whether what was measured is the service's steady state, or its warm-up is still in it.

MSER-5 says where a run's beginning ends: of all lengths that could be left out, the one with which
the mean of the rest has the least standard error, over means of 5 (K. White, "An effective
truncation heuristic for bias reduction in simulation output", Simulation 69(6), 1997; W. Franklin,
K. White, "Stationarity tests and MSER-5", Winter Simulation Conference 2008). It leaves out some
of a steady run too, as chance has it, so the beginning is told only where it is unlike the rest: by
a tenth at the median, and by the rank-sum test, whose variance is widened by what neighbours have
in common, taken from means of long batches.
"""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from headrace.jobs import show_seconds

from .attempt_rows import LoadRows
from .figures import SteadyState
from .intervals import Floats
from .rank_sum import rank_sum_z

BATCH = 5
# Fewer answers than that say nothing of where a beginning ends.
ANSWERS_MIN = 20 * BATCH
# How unlike the rest a beginning is that is told.
UNLIKE_BY = 0.1
UNLIKE_Z = 4.0
# The share of the run beyond which there is no steady part left to speak of.
MOST = 0.5
LONG_BATCHES = 20
ROUNDING = 1e-12
# The times that are looked at, and what they are called.
TIMES = {"latency_s": "latency", "ttft_s": "TTFT"}
CHANGING = ("stages", "replay")


class Beginning(NamedTuple):
    """The first `values` of a series that are unlike the rest, and by which share their median is
    above (or below) that of the rest."""

    values: int
    by: float


def steady_state(rows: LoadRows) -> SteadyState:
    """Whether the measured answers are of a steady state, from their times in order of due."""
    facts = rows.facts
    begin = facts.measure_from
    if facts.shape in CHANGING or begin is None:
        return SteadyState(steady=None, note="")
    answers = rows.answers.sort("due_at")
    if answers.height < ANSWERS_MIN:
        return SteadyState(
            steady=None, note="too few answers to tell whether a longer warm-up is needed"
        )
    found = list(_beginnings(answers, open_loop=facts.open_loop))
    if not found:
        return SteadyState(steady=True, note="")
    metric, beginning, until = max(found, key=lambda each: each[2])
    return _told(rows, metric, beginning, (until - begin).total_seconds())


def _beginnings(
    answers: pl.DataFrame, *, open_loop: bool
) -> Iterator[tuple[str, Beginning, datetime]]:
    """Each time that began unlike the rest, with when the rest began."""
    for metric in TIMES:
        time = pl.col(metric) + pl.col("wait_s") if open_loop else pl.col(metric)
        series = answers.select("due_at", time.alias("s")).drop_nulls()
        if series.height < ANSWERS_MIN:
            continue
        beginning = beginning_of(series["s"].to_numpy())
        if beginning is not None:
            yield metric, beginning, series["due_at"][beginning.values]


def _told(rows: LoadRows, metric: str, beginning: Beginning, until_s: float) -> SteadyState:
    facts = rows.facts
    by = f"{TIMES[metric]} {abs(beginning.by):.0%} {'longer' if beginning.by > 0 else 'shorter'}"
    if beginning.values >= MOST * rows.answers.height - BATCH:
        return SteadyState(
            steady=False,
            metric=metric,
            note=(
                f"no steady state: the first half is unlike the rest ({by}); give a longer "
                "--duration, or a --warmup of the time that was measured"
            ),
        )
    warmup_s = float(math.ceil(facts.warmup_s + until_s))
    return SteadyState(
        steady=False,
        metric=metric,
        from_s=until_s,
        warmup_s=warmup_s,
        note=(
            f"the warm-up was too short: the first {show_seconds(until_s)} are unlike the rest "
            f"({by}); --warmup {warmup_s:.0f}s leaves them out"
        ),
    )


def beginning_of(values: Floats) -> Beginning | None:
    """The beginning of a series that is unlike the rest; None of one that is steady."""
    count = BATCH * truncation(values)
    if not count:
        return None
    first, rest = values[:count], values[count:]
    middle = float(np.median(rest))
    by = float(np.median(first)) / middle - 1 if middle else math.inf
    if abs(by) <= UNLIKE_BY:
        return None
    z = rank_sum_z(first, rest, inflation=_inflation(rest))
    return Beginning(count, by) if abs(z) > UNLIKE_Z else None


def truncation(values: Floats) -> int:
    """How many means of 5 MSER-5 leaves out at the beginning, at most half of them."""
    batches = len(values) // BATCH
    means = values[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    most = int(MOST * batches)
    left = batches - np.arange(most + 1)
    # From each place to the end: the sum and the sum of squares, and of these what is not rounding.
    means = means - means.mean()
    total = np.cumsum(means[::-1])[::-1][: most + 1]
    squares = np.cumsum(means[::-1] ** 2)[::-1][: most + 1]
    spread = squares - total**2 / left
    spread[spread < ROUNDING * squares[0]] = 0.0
    return int(np.argmin(spread / left**2))


def _inflation(values: Floats) -> float:
    """How many times as much a mean varies as of values that have nothing in common; at least 1."""
    ranks = pl.Series(values).rank("average").to_numpy()
    spread = float(ranks.var())
    size = len(ranks) // LONG_BATCHES
    if size < 2 or not spread:
        return 1.0
    means = ranks[: size * LONG_BATCHES].reshape(LONG_BATCHES, size).mean(axis=1)
    return max(1.0, size * float(means.var(ddof=1)) / spread)
