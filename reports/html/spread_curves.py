"""How the times of answers are spread: a histogram with bins that widen, and the ECDF."""

from typing import NamedTuple

import numpy as np
import polars as pl

from ..figures import measured_results
from ..run import Run

BINS = 48
POINTS = 200
# Shorter than this is drawn as this: a logarithm has no zero.
SHORTEST_S = 1e-6


class SpreadCurves(NamedTuple):
    """`histogram` has `url`, `from_s`, `to_s`, `count` of the bins that hold something; `ecdf` has
    `url`, `s` and `share`: the share of its samples that took `s` or less."""

    metric: str
    histogram: pl.DataFrame
    ecdf: pl.DataFrame


def samples(run: Run, metric: str) -> pl.DataFrame:
    """Each answer's `url` and `s`: of the succeeded jobs that count toward the summary's times."""
    rows = measured_results(run).filter(pl.col("status") == "succeeded")
    return rows.select("url", pl.col(metric).alias("s")).drop_nulls("s").collect()


def spread_curves_of(run: Run, metric: str) -> SpreadCurves | None:
    """The spread of `latency_s` or `ttft_s`; None where no answer has it."""
    found = samples(run, metric).with_columns(pl.col("s").clip(SHORTEST_S))
    if not len(found):
        return None
    by_url = {
        url: np.sort(group["s"].to_numpy())
        for (url,), group in sorted(found.group_by("url"), key=lambda each: str(each[0]))
    }
    shortest_s = min(float(times[0]) for times in by_url.values())
    longest_s = max(float(times[-1]) for times in by_url.values())
    # Never narrower than the eye can part, and the longest inside the last bin.
    edges = np.geomspace(shortest_s / 1.02, max(longest_s, shortest_s * 1.02) * 1.02, BINS + 1)
    return SpreadCurves(
        metric,
        pl.concat([_histogram(str(url), times, edges) for url, times in by_url.items()]),
        pl.concat([_ecdf(str(url), times) for url, times in by_url.items()]),
    )


def _histogram(url: str, times: np.ndarray, edges: np.ndarray) -> pl.DataFrame:
    counts, _ = np.histogram(times, edges)
    return (
        pl.DataFrame({"from_s": edges[:-1], "to_s": edges[1:], "count": counts.astype(np.int64)})
        .select(pl.lit(url).alias("url"), "from_s", "to_s", "count")
        .filter(pl.col("count") > 0)
    )


def _ecdf(url: str, times: np.ndarray) -> pl.DataFrame:
    """Points on the curve: all of few samples, else evenly chosen ones with both ends."""
    ranks = np.unique(np.linspace(0, len(times) - 1, min(len(times), POINTS)).round().astype(int))
    return pl.DataFrame({"s": times[ranks], "share": (ranks + 1) / len(times)}).select(
        pl.lit(url).alias("url"), "s", "share"
    )
