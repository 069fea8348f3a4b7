"""The verdict in proportion: whether what the client was late by could change what is reported.

What the client did late is known request by request: how long its bytes waited to be read, and how
long after its due time an open loop's request left. So the run is judged twice more: as if all of
that had been taken out of its times (`best`), and as if all of it belonged to the service
(`worst`). The truth lies between. Where both say what the run as it was recorded says, the client's
lateness spoils nothing.
"""

from collections.abc import Collection, Iterator
from typing import Literal

import msgspec
import polars as pl

from headrace.jobs import LoadFacts, LoadVerdict

from ..run import Run
from ..wording import counted
from .attempt_rows import TPOT, Gaps, LoadRows, read_rows
from .intervals import Floats
from .percentiles import quantile, spread_of
from .signs import spoiled

Side = Literal["best", "worst"]
SIDES: tuple[Side, Side] = ("best", "worst")
# The share of the requests whose objectives may depend on the client's lateness.
CHANGED_SHARE = 0.01
# How far it may move a percentile that is reported: by this share of it, or within its interval.
MOVED_SHARE = 0.05
REPORTED = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
TIMES = ("ttft_s", "content_ttft_s", "latency_s")
ITL = "itl_s"


def weighed(
    found: LoadVerdict, run: Run, facts: LoadFacts, rows: LoadRows, gaps: Gaps
) -> LoadVerdict:
    """The verdict by the signs alone, in proportion to what was asked for and is reported."""
    if found.valid or not rows.answers.height or facts.machine is None:
        return found
    if spoiled(facts.workers):
        return found  # what one had to send is missing, or is dated wrong
    sides = [_rows_of(run, facts, side) for side in SIDES]
    if rows.objectives:
        harm = list(_changed(rows, sides))
        found = msgspec.structs.replace(found, why=[*found.why, *harm])
        harmless = "too little to change whether a request meets its objectives"
    else:
        harm = [metric for metric in (*TIMES, ITL) if _moved(metric, rows, sides, gaps)]
        harm += ["a stall"] if _stalled(facts) else []
        harmless = "too little to move a figure that is reported"
    if harm:
        return found
    return LoadVerdict(
        verdict="valid", why=[], tolerated=[f"{each}: {harmless}" for each in found.why]
    )


def harmless_to(percentiles: Collection[str], run: Run, facts: LoadFacts) -> bool:
    """Whether the client's lateness moves none of these percentiles of TTFT and latency too far."""
    rows = read_rows(run, facts)
    if facts.machine is None or not rows.answers.height or _stalled(facts):
        return False
    sides = [_rows_of(run, facts, side) for side in SIDES]
    return not any(
        _too_far(metric, rows.values(metric), side.values(metric), percentiles)
        for metric in TIMES
        for side in sides
        if rows.values(metric).size
    )


def as_if(run: Run, facts: LoadFacts, side: Side) -> Run:
    """The run without the client's lateness (`best`), or with all of it the service's (`worst`).

    In an open loop what was sent late is counted from its due time. A closed loop that is late
    sends less than it was asked to, so there the lag counts once more.
    """
    attempts = _shifted(run.attempts.with_columns(_lag(facts)), facts, side)
    lags = attempts.sort("attempt").group_by("index").agg(pl.col("client_lag_s").last())
    results = run.results.join(lags, on="index", how="left").with_columns(_lag(facts))
    return run._replace(
        attempts=attempts, results=_shifted(results, facts, side).drop("client_lag_s")
    )


def _stalled(facts: LoadFacts) -> bool:
    """Whether the client stood still: then it may not have sent what was asked of it at all, which
    no request's own lateness shows. An objective can be judged by the requests that it sent."""
    machine = facts.machine
    allowed_s = facts.client_error_s or 0.0
    return machine is not None and machine.stalls > 0 and machine.longest_stall_s > allowed_s


def _lag(facts: LoadFacts) -> pl.Expr:
    """How late bytes were read, at most. Where that is not recorded the loop's longest stall bounds
    it."""
    longest_s = 0.0 if facts.machine is None else facts.machine.longest_stall_s
    return pl.col("client_lag_s").fill_null(longest_s)


def _shifted(table: pl.LazyFrame, facts: LoadFacts, side: Side) -> pl.LazyFrame:
    lag, wait = pl.col("client_lag_s"), pl.col("wait_s").clip(lower_bound=0.0)
    names = set(table.collect_schema().names())
    late = -lag if side == "best" else (wait if facts.open_loop else lag)
    shifted = [(pl.col(name) + late).clip(lower_bound=0.0) for name in TIMES if name in names]
    if "tpot_s" in names:
        shifted.append((pl.col("tpot_s") + _sign(side) * lag).clip(lower_bound=0.0))
    if "gaps_s" in names:
        shifted.append(pl.col("gaps_s") + _sign(side) * lag)
    if "total_s" in names and side == "best":  # it counts from due already
        shifted.append((pl.col("total_s") - lag - wait).clip(lower_bound=0.0))
    if facts.open_loop:  # it is in the times now, or taken out
        shifted.append(pl.col("wait_s") * 0.0)
    return table.with_columns(shifted)


def _sign(side: Side) -> int:
    return -1 if side == "best" else 1


def _rows_of(run: Run, facts: LoadFacts, side: Side) -> LoadRows:
    further = pl.col("client_lag_s") / (pl.col("output_tokens") - 1)
    tpot = (TPOT + _sign(side) * further).clip(lower_bound=0.0)
    return read_rows(as_if(run, facts, side), facts, tpot=tpot)


def _changed(rows: LoadRows, sides: list[LoadRows]) -> Iterator[str]:
    """Objectives that the client's lateness decides for too many requests."""
    key = ["index", "attempt"]
    as_recorded = rows.attempts.sort(key)
    others = [side.attempts.sort(key) for side in sides]
    for n, objective in enumerate(rows.objectives):
        met = as_recorded[f"met_{n}"]
        changed = int(((met != others[0][f"met_{n}"]) | (met != others[1][f"met_{n}"])).sum())
        if changed > CHANGED_SHARE * len(met):
            yield (
                f"that may decide whether {objective.text.strip()} is met for {changed:,} of "
                f"{counted(len(met), 'request')}"
            )


def _moved(metric: str, rows: LoadRows, sides: list[LoadRows], gaps: Gaps) -> bool:
    """Whether the client's lateness may move a reported percentile of these times too far."""
    if metric == ITL:
        return bool(len(gaps.values)) and _gaps_too_far(rows, gaps)
    values = rows.values(metric)
    moved = [side.values(metric) for side in sides]
    return bool(len(values)) and any(_too_far(metric, values, each) for each in moved)


def _too_far(
    metric: str, values: Floats, moved: Floats, percentiles: Collection[str] = REPORTED.keys()
) -> bool:
    ends = {name: quantile(moved, REPORTED[name]) for name in percentiles}
    return any(_beyond(metric, values, name, end) for name, end in ends.items())


def _beyond(metric: str, values: Floats, name: str, end: float | None) -> bool:
    """Whether a percentile that may be at `end` is neither near the reported one nor within its
    interval."""
    spread = spread_of(metric, values)
    assert spread is not None
    assert end is not None
    found = spread.percentile(name)
    if abs(end - found.value) <= MOVED_SHARE * found.value:
        return False
    limit = found.low if end < found.value else found.high
    return limit is None or (end < limit if end < found.value else end > limit)


def _gaps_too_far(rows: LoadRows, gaps: Gaps) -> bool:
    """Whether ITL may be: bytes that waited make one gap too long, and those within them too short.
    A wait touches as many gaps as would have passed meanwhile."""
    known = gaps.values[gaps.values > 0]
    typical_s = quantile(known, 0.5)
    if not typical_s:
        return False
    lag = rows.answers.select(_lag(rows.facts)).to_series().drop_nulls()
    touched = lag.filter(lag > typical_s) / typical_s
    share = float(touched.ceil().sum() or 0) / len(gaps.values)
    return share > CHANGED_SHARE or any(
        _beyond(ITL, gaps.values, name, quantile(gaps.values, min(1.0, max(0.0, at))))
        for name, middle in REPORTED.items()
        for at in (middle - share, middle + share)
    )
