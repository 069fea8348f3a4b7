"""Distributions of times: exact percentiles over the rows, by linear interpolation.

The percentile is definition 7 of R. Hyndman, Y. Fan, "Sample quantiles in statistical packages",
The American Statistician 50(4), 1996: numpy's and polars' "linear".
"""

import msgspec
import polars as pl

METRICS = {
    "latency_s": "sent to the last byte of content",
    "ttft_s": "sent to the first token, streams only",
    "tpot_s": "time per output token after the first, streams only",
    "wait_s": "due to sent",
    "total_s": "first due to end, retries and their pauses included",
}
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """One metric over succeeded jobs; seconds. `url` None is all endpoints together."""

    metric: str
    url: str | None
    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


def distributions(results: pl.LazyFrame) -> list[Distribution]:
    """Each metric over all endpoints, then by endpoint; a metric that no row has is left out."""
    good = results.filter(pl.col("status") == "succeeded").select("url", *METRICS)
    figures = [
        expression.alias(f"{metric}.{name}")
        for metric in METRICS
        for name, expression in _figures(metric).items()
    ]
    over_all = good.select(pl.lit(None, dtype=pl.String).alias("url"), *figures)
    by_url = good.group_by("url").agg(figures).sort("url")
    rows = pl.concat([over_all, by_url]).collect().to_dicts()
    return [
        Distribution(
            metric=metric,
            url=row["url"],
            **{name: row[f"{metric}.{name}"] for name in ("count", "mean", "max", *QUANTILES)},
        )
        for metric in METRICS
        for row in rows
        if row[f"{metric}.count"]
    ]


def _figures(metric: str) -> dict[str, pl.Expr]:
    column = pl.col(metric)
    figures = {"count": column.count(), "mean": column.mean(), "max": column.max()}
    for name, share in QUANTILES.items():
        figures[name] = column.quantile(share, interpolation="linear")
    return figures
