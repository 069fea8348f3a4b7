"""The gaps between tokens of a load run, in bins: there may be a hundred million of them."""

import math

import polars as pl

from ..run import Run
from .spread_curves import SpreadCurves

# Each bin ends where it is 5 % longer than where it begins: finer than the eye tells on the axis.
RATIO = 1.05


def gap_curves(run: Run) -> SpreadCurves | None:
    """The spread of ITL over measured answers; None where no gap was kept.

    Gaps of 0, between chunks that came in one read, are left out: a logarithm has no place for
    them, and the figures say how many there were.
    """
    measured = run.attempts.filter(
        (pl.col("phase") == "measure")
        & pl.col("error_kind").is_null()
        & pl.col("gaps_s").is_not_null()
    )
    number = (pl.col("gaps_s").log() / math.log(RATIO)).floor().cast(pl.Int32).alias("bin")
    counts = (
        measured.select("url", "gaps_s")
        .explode("gaps_s")
        .filter(pl.col("gaps_s") > 0)
        .group_by("url", number)
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .sort("url", "bin")
        .collect(engine="streaming")
    )
    if not len(counts):
        return None
    edge = pl.lit(RATIO).pow(pl.col("bin").cast(pl.Float64))
    histogram = counts.select("url", edge.alias("from_s"), (edge * RATIO).alias("to_s"), "count")
    share = pl.col("count").cum_sum().over("url") / pl.col("count").sum().over("url")
    ecdf = histogram.select("url", pl.col("to_s").alias("s"), share.alias("share"))
    return SpreadCurves("itl_s", histogram, ecdf)
