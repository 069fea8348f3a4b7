"""A load run over time: its figures by the moment that requests were due, slice by slice."""

from datetime import datetime, timedelta

import polars as pl

from .attempt_rows import LoadRows
from .figures import Slice, TimeSlices

SLICES_MAX = 120
WIDTHS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


def slices_of(rows: LoadRows) -> TimeSlices | None:
    """The whole run in slices, at most 120 slices; None where nothing was due."""
    due = rows.everything["due_at"]
    begin, first, last = rows.facts.measure_from, due.min(), due.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    begin = begin or first
    span_s = (last - first).total_seconds()
    width_s = next((each for each in WIDTHS_S if span_s / each < SLICES_MAX), WIDTHS_S[-1])
    since = (pl.col("due_at") - begin).dt.total_microseconds()
    place = since.floordiv(round(timedelta(seconds=width_s) / timedelta(microseconds=1)))
    found = (
        rows.everything.lazy()
        .group_by(place.alias("place"))
        .agg(
            pl.len().alias("due"),
            pl.col("answered").sum(),
            (~pl.col("answered")).sum().alias("failed"),
            *(
                pl.col(f"{metric}_s")
                .filter("answered")
                .quantile(share, interpolation="linear")
                .alias(f"{metric}_{name}_s")
                for metric in ("ttft", "latency")
                for name, share in (("p50", 0.5), ("p95", 0.95))
            ),
        )
        .sort("place")
        .collect()
    )
    slices = [Slice(at_s=round(row.pop("place") * width_s, 3), **row) for row in found.to_dicts()]
    return TimeSlices(width_s=width_s, slices=slices)
