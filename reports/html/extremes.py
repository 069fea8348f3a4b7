"""Single jobs and attempts worth a look: the slowest, the dearest, and examples of each error."""

from decimal import Decimal
from typing import NamedTuple

import msgspec
import polars as pl

from headrace.jobs import strip_zeros

from ..run import Run
from .timeseries import error_name

SHOWN = 10
EXAMPLES = 3
ERRORS_SHOWN = 40
TEXT_CHARACTERS_MAX = 1_200


class ExtremeJob(msgspec.Struct, frozen=True, kw_only=True):
    """One job: what it took, all its attempts' cost, and the beginning of its answer.

    `cut` says that the answer is longer.
    """

    index: int
    custom_id: str
    model: str
    url: str
    status: str
    latency_s: float | None
    total_s: float
    attempts: int
    output_tokens: int | None
    cost: Decimal | None
    request_id: str | None
    metadata: str | None
    text: str | None
    cut: bool


class ErrorGroup(NamedTuple):
    """Failed attempts of one name, retried or not, and some of them to look up."""

    error: str
    kind: str
    attempts: int
    jobs: int
    request_ids: list[str]
    custom_ids: list[str]


class Extremes(NamedTuple):
    slowest: list[ExtremeJob]
    dearest: list[ExtremeJob]
    errors: list[ErrorGroup]
    tries: list[tuple[int, int]]  # attempts that a job took, and how many jobs took as many


def extremes_of(run: Run) -> Extremes:
    """Find them. Texts are read of the jobs that are shown alone."""
    good = run.results.filter(pl.col("status") == "succeeded")
    slow = good.select("index", "latency_s").drop_nulls().top_k(SHOWN, by="latency_s").collect()
    costs = (
        run.attempts.filter(pl.col("cost").is_not_null())
        .group_by("index")
        .agg(pl.col("cost").sum())
        .top_k(SHOWN, by="cost")
        .collect()
    )
    wanted = pl.concat([slow.select("index"), costs.select("index")])["index"].unique().to_list()
    found = {each.index: each for each in _extreme_jobs(run, wanted)}
    # A job whose dearest attempts are all there is has no result, and nothing to show.
    dearest = [
        found[index]
        for index in costs.sort("cost", "index", descending=[True, False])["index"]
        if index in found
    ]
    slowest = [found[index] for index in slow.sort("latency_s", descending=True)["index"]]
    sent = run.results.filter(pl.col("copy_of").is_null())
    tries = sent.group_by("attempts").len().sort("attempts").collect()
    return Extremes(slowest, dearest, _errors(run), [(row[0], row[1]) for row in tries.iter_rows()])


def _extreme_jobs(run: Run, wanted: list[int]) -> list[ExtremeJob]:
    costs = (
        run.attempts.filter(pl.col("index").is_in(wanted) & pl.col("cost").is_not_null())
        .group_by("index")
        .agg(pl.col("cost").sum())
        .collect()
    )
    rows = (
        run.results.filter(pl.col("index").is_in(wanted))
        .select(
            *("index", "custom_id", "model", "url", "status", "latency_s", "total_s", "attempts"),
            *("output_tokens", "request_id", "metadata"),
            pl.col("text").str.head(TEXT_CHARACTERS_MAX),
            (pl.col("text").str.len_chars() > TEXT_CHARACTERS_MAX).fill_null(False).alias("cut"),
        )
        .collect()
        .join(costs, on="index", how="left")
    )
    return [
        ExtremeJob(**{**row, "cost": None if row["cost"] is None else strip_zeros(row["cost"])})
        for row in rows.to_dicts()
    ]


def _errors(run: Run) -> list[ErrorGroup]:
    groups = (
        run.made.filter(pl.col("error_kind").is_not_null())
        .select(
            error_name().alias("error"),
            pl.col("error_kind").alias("kind"),
            *("index", "attempt", "request_id", "custom_id"),
        )
        .sort("index", "attempt")
        .group_by("error", "kind")
        .agg(
            pl.len().alias("attempts"),
            pl.col("index").n_unique().alias("jobs"),
            pl.col("request_id").drop_nulls().head(EXAMPLES).alias("request_ids"),
            pl.col("custom_id").unique(maintain_order=True).head(EXAMPLES).alias("custom_ids"),
        )
        .sort("attempts", "error", descending=[True, False])
        .head(ERRORS_SHOWN)
        .collect()
    )
    return [ErrorGroup(**row) for row in groups.to_dicts()]
