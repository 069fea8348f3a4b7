"""How a run went over time, in bins: requests, tokens, latency, attempts in flight, errors."""

from typing import NamedTuple

import numpy as np
import polars as pl

from ..run import Run
from .timeline import Timeline, ended_at, timeline_of

COOL_DOWNS_SHOWN = 200
ERRORS_SHOWN = 8
NAME_CHARACTERS_MAX = 60


class Pause(NamedTuple):
    """A cool-down: from a 429 to the end of the pause that it asked for, at work."""

    from_s: float
    to_s: float


class TimeSeries(NamedTuple):
    """One row per bin in `bins`: `at_s`, `requests`, `tokens`, `p50`, `p95` (seconds), `in_flight`
    (the peak). `errors` has a row for each bin and kind: `at_s`, `error`, `attempts`. `endless`
    attempts have no recorded end: they count as in flight only when they were sent."""

    timeline: Timeline
    bins: pl.DataFrame
    errors: pl.DataFrame
    cool_downs: list[Pause]
    endless: int


def time_series_of(run: Run) -> TimeSeries:
    """Count the run's attempts by the bin in which they were sent."""
    timeline = timeline_of(run)
    at_s = timeline.at_s(pl.col("sent_at"))
    tokens = pl.col("input_tokens").fill_null(0) + pl.col("output_tokens").fill_null(0)
    good_s = pl.when(pl.col("error_kind").is_null()).then(pl.col("latency_s"))
    sent = run.attempts.filter(pl.col("sent_at").is_not_null())
    counted = (
        sent.select(timeline.bin_s(at_s).alias("at_s"), tokens.alias("tokens"), good_s.alias("s"))
        .group_by("at_s")
        .agg(
            pl.len().alias("requests"),
            pl.col("tokens").sum(),
            pl.col("s").quantile(0.5, interpolation="linear").alias("p50"),
            pl.col("s").quantile(0.95, interpolation="linear").alias("p95"),
        )
        .collect()
    )
    every = _every_bin(timeline)
    bins = (
        every.join(counted, on="at_s", how="left")
        .with_columns(pl.col("requests", "tokens").fill_null(0))
        .join(_in_flight(sent, timeline, every), on="at_s", how="left")
        .sort("at_s")
    )
    endless = sent.select(ended_at().is_null().sum()).collect().item()
    return TimeSeries(timeline, bins, _errors(sent, timeline), _cool_downs(sent, timeline), endless)


def _every_bin(timeline: Timeline) -> pl.DataFrame:
    """The bins' beginnings, computed as `Timeline.bin_s` does, so that they join exactly."""
    count = int(timeline.span_s / timeline.width_s) + 1 if timeline.span_s else 0
    return pl.DataFrame({"n": pl.int_range(0, count, eager=True)}).select(
        (pl.col("n").cast(pl.Float64) * timeline.width_s).alias("at_s")
    )


def _in_flight(sent: pl.LazyFrame, timeline: Timeline, every: pl.DataFrame) -> pl.DataFrame:
    """Peak of the attempts in flight in each bin: at its beginning, or when one was sent."""
    both = sent.select(
        timeline.at_s(pl.col("sent_at")).alias("from_s"),
        timeline.at_s(pl.coalesce(ended_at(), "sent_at")).alias("to_s"),
    ).collect()
    begin_s, end_s = (np.sort(both[name].to_numpy()) for name in ("from_s", "to_s"))
    edges_s = every["at_s"].to_numpy()
    at_edges = np.searchsorted(begin_s, edges_s, "right") - np.searchsorted(end_s, edges_s, "right")
    at_sends = np.searchsorted(begin_s, begin_s, "right") - np.searchsorted(end_s, begin_s, "left")
    levels = pl.concat(
        [
            pl.DataFrame({"at_s": edges_s, "in_flight": at_edges}),
            pl.DataFrame({"at_s": begin_s, "in_flight": at_sends}).with_columns(
                timeline.bin_s(pl.col("at_s")).alias("at_s")
            ),
        ]
    )
    return levels.group_by("at_s").agg(pl.col("in_flight").max())


def error_name() -> pl.Expr:
    """What an attempt's failure is called: its status and code, or its kind."""
    status = pl.col("http_status").cast(pl.String)
    coded = pl.concat_str([status, pl.col("error_code")], separator=" ", ignore_nulls=True)
    return pl.when(pl.col("error_kind") == "http").then(coded).otherwise(pl.col("error_kind"))


def _errors(sent: pl.LazyFrame, timeline: Timeline) -> pl.DataFrame:
    """Failed attempts per bin, by name; the rarest names together as `other`."""
    found = (
        sent.filter(pl.col("error_kind").is_not_null())
        .select(
            timeline.bin_s(timeline.at_s(pl.col("sent_at"))).alias("at_s"),
            error_name().str.head(NAME_CHARACTERS_MAX).alias("error"),
        )
        .collect()
    )
    totals = found.group_by("error").len().sort("len", "error", descending=[True, False])
    names = totals["error"].head(ERRORS_SHOWN).to_list()
    shown = pl.when(pl.col("error").is_in(names)).then(pl.col("error")).otherwise(pl.lit("other"))
    return (
        found.with_columns(shown.alias("error"))
        .group_by("at_s", "error")
        .agg(pl.len().alias("attempts"))
        .sort("at_s", "error")
    )


def _cool_downs(sent: pl.LazyFrame, timeline: Timeline) -> list[Pause]:
    """The pauses that 429s asked for; those that overlap are one."""
    asked = (
        sent.filter((pl.col("http_status") == 429) & pl.col("retry_after_s").is_not_null())
        .select(timeline.at_s(pl.coalesce(ended_at(), "sent_at")).alias("from_s"), "retry_after_s")
        .with_columns((pl.col("from_s") + pl.col("retry_after_s")).alias("to_s"))
        .sort("from_s")
        .collect()
    )
    found: list[Pause] = []
    for from_s, to_s in asked.select("from_s", "to_s").iter_rows():
        to_s = min(to_s, timeline.span_s)
        if found and from_s <= found[-1].to_s:
            found[-1] = Pause(found[-1].from_s, max(found[-1].to_s, to_s))
        elif len(found) < COOL_DOWNS_SHOWN:
            found.append(Pause(from_s, to_s))
    return found
