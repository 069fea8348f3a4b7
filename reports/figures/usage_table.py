"""Tokens and money by model and endpoint. Money sums the attempts, exactly; None is unknown."""

from decimal import Decimal

import msgspec
import polars as pl

from ..run import Run

COUNTS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """Use of one model at one endpoint (in the total: of all, and both None).

    `answers` are attempts that came back whole. Tokens are those of all attempts, `images` and
    `reasoning_tokens` those of the results. `unpriced` counts answers whose cost is not known.
    """

    model: str | None
    url: str | None
    jobs: int
    attempts: int
    answers: int
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    images: int
    cost: Decimal | None
    unpriced: int


class UsageTable(msgspec.Struct, frozen=True, kw_only=True):
    """The rows, the dearest first, their total, and the models that have no price.

    `probable_cost` is what streams that were cut before their usage were likely billed, an estimate
    and in no other figure; None where none was cut.
    """

    currency: str | None
    rows: list[UsageRow]
    total: UsageRow
    unpriced_models: list[str]
    probable_cost: Decimal | None


def usage_of(run: Run) -> UsageTable:
    """Add up what the attempts used."""
    answered = pl.col("error_kind").is_null()
    by_attempts = run.attempts.group_by("model", "url").agg(
        pl.len().alias("attempts"),
        answered.sum().alias("answers"),
        *(pl.col(name).sum() for name in COUNTS),
        pl.col("cost").sum(),
        pl.col("cost").count().alias("priced"),
        (answered & pl.col("cost").is_null()).sum().alias("unpriced"),
    )
    by_jobs = run.results.group_by("model", "url").agg(
        pl.len().alias("jobs"), pl.col("reasoning_tokens").sum(), pl.col("images").sum()
    )
    joined = by_attempts.join(by_jobs, on=["model", "url"], how="left").with_columns(
        pl.col("jobs", "reasoning_tokens", "images").fill_null(0)
    )
    rows = [_row(each) for each in joined.collect().to_dicts()]
    rows.sort(key=lambda row: (-(row.cost or Decimal(0)), -row.attempts, row.model, row.url))
    unpriced = {row.model for row in rows if row.unpriced and row.model is not None}
    prices = run.manifest.prices
    return UsageTable(
        currency=None if prices is None else prices.currency,
        rows=rows,
        total=_total(rows),
        unpriced_models=sorted(unpriced),
        probable_cost=_probable_cost(run),
    )


def _probable_cost(run: Run) -> Decimal | None:
    known = run.attempts.select("probable_cost").drop_nulls().sum().collect()["probable_cost"]
    return Decimal(known[0]) if known[0] else None


def _row(each: dict[str, object]) -> UsageRow:
    priced = each.pop("priced")
    return msgspec.convert({**each, "cost": each["cost"] if priced else None}, UsageRow)


def _total(rows: list[UsageRow]) -> UsageRow:
    costs = [row.cost for row in rows if row.cost is not None]
    names = ("jobs", "attempts", "answers", *COUNTS, "reasoning_tokens", "images", "unpriced")
    return UsageRow(
        model=None,
        url=None,
        cost=sum(costs, Decimal(0)) if costs else None,
        **{name: sum(getattr(row, name) for row in rows) for name in names},
    )
