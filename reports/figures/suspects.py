"""The attempts that may have been billed without their cost being known, the largest first."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl

from headrace.jobs import strip_zeros, to_places

from ..run import Run

SUSPECTS_SHOWN = 20
NOT_IN_ROWS = ("estimate", "at_most", "service")

# Why an attempt may have been billed without its cost being known, the likeliest first.
SUSPICIONS = {
    "usage missing": "answered, but what it used is not known or has no price",
    "stream cut": "the stream broke off before its usage came",
    "timeout": "no answer in time: the gateway may have continued",
    "cancelled": "cancelled while in flight",
    "lost": "sent before a crash, and its answer never recorded",
    "failed answer": "failed, and may have been billed all the same",
    "refused": "refused with a status of 4xx, which is seldom billed",
}

_KIND = pl.col("error_kind")
SUSPICION = (
    pl.when(pl.col("cost").is_not_null() | pl.col("sent_at").is_null())
    .then(None)
    .when(_KIND.is_null())
    .then(pl.lit("usage missing"))
    .when((_KIND == "stream") | ((_KIND == "reset") & pl.col("http_status").is_not_null()))
    .then(pl.lit("stream cut"))
    .when(_KIND.is_in(["timeout", "cancelled", "lost"]))
    .then(_KIND)
    .when((_KIND == "http") & pl.col("http_status").is_between(400, 499))
    .then(pl.lit("refused"))
    .when(_KIND.is_in(["http", "protocol", "reset"]))
    .then(pl.lit("failed answer"))
)


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that could explain a difference.

    `estimate` is what it may have cost: its own `probable_cost`, else what another attempt of the
    job cost, else the mean of its model at its endpoint; None where none is known. `at_most` is
    what it could cost, as known before it was sent. `service` is left out where there is only one.
    """

    suspicion: str
    index: int
    custom_id: str
    attempt: int
    request_id: str | None
    model: str
    url: str
    estimate: Decimal | None
    at_most: Decimal | None
    service: str | msgspec.UnsetType = msgspec.UNSET


class Suspects(msgspec.Struct, frozen=True, kw_only=True):
    """How many attempts by suspicion, what they are estimated at, and the largest of them."""

    counts: dict[str, int]
    estimates: dict[str, Decimal]
    largest: list[Suspect]


def suspects_since(run: Run, moment: datetime) -> Suspects:
    """The attempts sent since then whose cost is not known.

    The largest come first, by what they are estimated at, else could cost; refusals come last.
    """
    rows = (
        run.attempts.with_columns(SUSPICION.alias("suspicion"))
        .filter(pl.col("suspicion").is_not_null(), pl.col("sent_at") >= moment)
        .select(
            *(name for name in Suspect.__struct_fields__ if name not in NOT_IN_ROWS),
            pl.col("cost_bound").alias("at_most"),
            "probable_cost",
        )
        .sort("index", "attempt")
        .collect()
    )
    if not len(rows):
        return Suspects(counts={}, estimates={}, largest=[])
    rows = rows.join(_costs_of_jobs(run, rows), on="index", how="left").join(
        _mean_costs(run), on=["model", "url"], how="left"
    )
    rows = rows.with_columns(pl.coalesce("probable_cost", "of_job", "mean").alias("estimate")).drop(
        "probable_cost", "of_job", "mean"
    )
    order = rows.with_columns(
        (pl.col("suspicion") == "refused").alias("refused"),
        pl.coalesce("estimate", "at_most").alias("amount"),
    ).sort(
        "refused",
        "amount",
        "index",
        "attempt",
        descending=[False, True, False, False],
        nulls_last=True,
    )
    largest = order.head(SUSPECTS_SHOWN).drop("refused", "amount").to_dicts()
    groups = rows.group_by("suspicion").agg(
        pl.len().alias("count"), pl.col("estimate").sum(), pl.col("estimate").count().alias("known")
    )
    found = {row["suspicion"]: row for row in groups.to_dicts()}
    names = [name for name in SUSPICIONS if name in found]
    return Suspects(
        counts={name: found[name]["count"] for name in names},
        estimates={
            name: strip_zeros(found[name]["estimate"]) for name in names if found[name]["known"]
        },
        largest=[Suspect(**_plain_amounts(row)) for row in largest],
    )


def _costs_of_jobs(run: Run, suspects: pl.DataFrame) -> pl.DataFrame:
    """What another attempt of the same job cost: the newest whose cost is known."""
    return (
        run.attempts.filter(pl.col("cost").is_not_null())
        .join(suspects.lazy().select("index").unique(), on="index", how="semi")
        .sort("attempt")
        .group_by("index")
        .agg(pl.col("cost").last().alias("of_job"))
        .collect()
    )


def _mean_costs(run: Run) -> pl.DataFrame:
    """The mean cost of an answer, by model and endpoint."""
    sums = (
        run.attempts.filter(pl.col("cost").is_not_null())
        .group_by("model", "url")
        .agg(pl.col("cost").sum(), pl.len().alias("answers"))
        .collect()
    )
    means = [
        to_places(Decimal(cost) / answers)
        for cost, answers in sums.select("cost", "answers").iter_rows()
    ]
    return sums.select("model", "url").with_columns(
        pl.Series("mean", means, dtype=pl.Decimal(38, 12))
    )


def _plain_amounts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: strip_zeros(value) if isinstance(value, Decimal) else value
        for name, value in row.items()
    }
