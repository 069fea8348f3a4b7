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
    good = results.filter(pl.col("status") == "succeeded")
    found = []
    for metric in METRICS:  # one at a time: a column of a large run is all that memory holds
        rows = good.select("url", pl.col(metric).alias("s")).drop_nulls("s").collect()
        if len(rows):
            found.append(_distribution(metric, None, rows["s"]))
            for url in rows["url"].unique().sort():
                seconds = rows["s"].filter(rows["url"] == url)
                found.append(_distribution(metric, url, seconds))
    return found


def _distribution(metric: str, url: str | None, seconds: pl.Series) -> Distribution:
    ordered = seconds.sort()  # once, and not for each percentile
    figures = {
        "metric": metric,
        "url": url,
        "count": len(ordered),
        "mean": ordered.mean(),
        "max": ordered[-1],
        **{n: ordered.quantile(share, interpolation="linear") for n, share in QUANTILES.items()},
    }
    return msgspec.convert(figures, Distribution)


def worth_showing(latency: list[Distribution]) -> list[Distribution]:
    """All but the endpoints' own rows where there is one endpoint, or of the waits."""
    urls = {each.url for each in latency} - {None}
    by_url = {"latency_s", "ttft_s", "tpot_s"} if len(urls) > 1 else set()
    return [each for each in latency if each.url is None or each.metric in by_url]
