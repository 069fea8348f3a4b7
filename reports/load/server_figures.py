"""What the server said of itself while a load run sent, as far as its metrics are known by name."""

from typing import Literal, NamedTuple

import msgspec
import polars as pl

from headrace.jobs import (
    SERVER_SPOOL,
    SERVER_TABLE,
    LoadFacts,
    PageRows,
    ScrapeFacts,
    ServerReading,
    check_row_count,
    check_rows,
    sealed_rows,
    spooled_pages,
    with_pages,
)

from ..run import Run

POINTS_MAX = 240
WIDTHS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)

What = Literal["running", "waiting", "kv_cache", "input_tokens", "output_tokens", "preemptions"]


class Known(NamedTuple):
    """How series of one name are put together: gauges by their sum or, for shares, the largest;
    counters by their sum, as a rate."""

    what: What
    kind: Literal["sum", "largest", "rate"]
    names: tuple[str, ...]


# vLLM's, SGLang's, llama.cpp's, text-generation-inference's and the gateway's; the first that is
# there counts.
KNOWN = (
    Known(
        "running",
        "sum",
        (
            "vllm:num_requests_running",
            "sglang:num_running_reqs",
            "llamacpp:requests_processing",
            "tgi_batch_current_size",
            "headrace_gateway_num_requests_running",
        ),
    ),
    Known(
        "waiting",
        "sum",
        (
            "vllm:num_requests_waiting",
            "sglang:num_queue_reqs",
            "llamacpp:requests_deferred",
            "tgi_queue_size",
            "headrace_gateway_num_requests_waiting",
        ),
    ),
    Known(
        "kv_cache",
        "largest",
        (
            "vllm:kv_cache_usage_perc",
            "vllm:gpu_cache_usage_perc",
            "sglang:token_usage",
            "llamacpp:kv_cache_usage_ratio",
        ),
    ),
    Known(
        "input_tokens",
        "rate",
        (
            "vllm:prompt_tokens_total",
            "sglang:prompt_tokens_total",
            "llamacpp:prompt_tokens_total",
            "headrace_gateway_prompt_tokens_total",
        ),
    ),
    Known(
        "output_tokens",
        "rate",
        (
            "vllm:generation_tokens_total",
            "sglang:generation_tokens_total",
            "llamacpp:tokens_predicted_total",
            "headrace_gateway_generation_tokens_total",
        ),
    ),
    Known("preemptions", "rate", ("vllm:num_preemptions_total",)),
)
NAMES = [name for known in KNOWN for name in known.names]


class ServerPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A value at `at_s` after the measuring began (below 0: the warm-up); of a rate, the mean since
    the point before."""

    at_s: float
    value: float


class ServerSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the server: `mean` and `peak` are those of the measured window, None where no
    reading lies in it; rates are per second, `kv_cache` is a share. `metric` is the server's name
    for it."""

    what: What
    metric: str
    mean: float | None
    peak: float | None
    points: list[ServerPoint]


class ServerSaid(NamedTuple):
    """What the server said of itself, and how reading it went; None where nobody read it."""

    series: list[ServerSeries]
    scrape: ScrapeFacts | None


def server_said(run: Run, facts: LoadFacts) -> ServerSaid:
    """The figures that are known by name, and how the readings went. Of a run that did not come to
    make a table of its pages these are read as they are.

    Raises:
        InputError: the table, or the pages, are not what a run writes.
        polars.exceptions.PolarsError: it can't be read.
    """
    path, spool = run.directory / SERVER_TABLE, run.directory / SERVER_SPOOL
    if facts.measure_from is None:
        return ServerSaid([], facts.scrape)
    if path.exists():
        check_row_count([path], ServerReading)
        check_rows(pl.scan_parquet(path), ServerReading, path)
        return ServerSaid(_all_series(sealed_rows([path], ServerReading), facts), facts.scrape)
    if not spool.exists():
        return ServerSaid([], facts.scrape)
    rows = PageRows(names=frozenset(NAMES))
    table = pl.concat(rows.tables(spooled_pages(spool)))
    return ServerSaid(_all_series(table.lazy(), facts), with_pages(facts.scrape, rows.understood))


def _all_series(readings: pl.LazyFrame, facts: LoadFacts) -> list[ServerSeries]:
    since_us = (pl.col("at") - facts.measure_from).dt.total_microseconds()
    table = (
        readings.filter(pl.col("name").is_in(NAMES))
        .group_by("name", (since_us / 1e6).alias("at_s"))
        .agg(pl.col("value").sum().alias("sum"), pl.col("value").max().alias("largest"))
        .sort("at_s")
        .collect(engine="streaming")
    )
    there = set(table["name"].unique())
    window = None
    if facts.measure_to is not None and facts.measure_from is not None:
        window = facts.measure_to - facts.measure_from
    end_s = None if window is None else window.total_seconds()
    found = []
    for known in KNOWN:
        name = next((each for each in known.names if each in there), None)
        if name is not None:
            found.append(_series(known, name, table.filter(pl.col("name") == name), end_s))
    return [each for each in found if each.points]


def _series(known: Known, name: str, table: pl.DataFrame, end_s: float | None) -> ServerSeries:
    if known.kind == "rate":
        gained, passed_s = pl.col("sum").diff(), pl.col("at_s").diff()
        # A counter that falls began anew: how much it rose meanwhile, nobody knows.
        rate = pl.when((gained >= 0) & (passed_s > 0)).then(gained / passed_s)
        values = table.select("at_s", rate.alias("value"), passed_s.alias("weight"))
    else:
        values = table.select("at_s", pl.col(known.kind).alias("value"), weight=pl.lit(1.0))
    values = values.drop_nulls("value")
    measured = values.filter(pl.col("at_s") >= 0)
    if end_s is not None:
        measured = measured.filter(pl.col("at_s") <= end_s)
    value, weight = (measured[name].to_numpy() for name in ("value", "weight"))
    return ServerSeries(
        what=known.what,
        metric=name,
        mean=float(value @ weight / weight.sum()) if len(value) else None,
        peak=float(value.max()) if len(value) else None,
        points=_points(values),
    )


def _points(values: pl.DataFrame) -> list[ServerPoint]:
    """At most as many as a chart can show: means over equal stretches."""
    if not len(values):
        return []
    first, last = float(values["at_s"][0]), float(values["at_s"][-1])
    width_s = next((each for each in WIDTHS_S if (last - first) / each < POINTS_MAX), WIDTHS_S[-1])
    if len(values) > POINTS_MAX:
        values = (
            values.group_by((pl.col("at_s") // width_s).alias("place"))
            .agg(pl.col("at_s").mean(), pl.col("value").mean())
            .sort("place")
        )
    return [
        ServerPoint(at_s=round(at_s, 3), value=value)
        for at_s, value in values.select("at_s", "value").iter_rows()
    ]
