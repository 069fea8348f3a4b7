"""Answers that did not fit their schema: how many, what they cost, and what asking again cost."""

from decimal import Decimal

import msgspec
import polars as pl

from headrace.jobs import SCHEMA_CODE

from ..run import Run


class UnfitAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that did not fit their schema.

    `jobs` failed for it, `answers` are all that did not fit, and `cost` what these were billed.
    `reasks` are the attempts that asked again: each came next after such an answer. `reask_cost`
    is what all attempts after the first such answer of a job cost, retries of these included. A
    cost is None where none of its attempts has one.
    """

    jobs: int
    answers: int
    cost: Decimal | None
    reasks: int
    reask_cost: Decimal | None


def count_unfit(run: Run) -> UnfitAnswers | None:
    """Count them; None where every answer fits, or may have any form."""
    if run.manifest.recipe is None:
        return None  # no run of anything but a table has a schema
    unfit = pl.col("error_kind").is_null() & (pl.col("error_code") == SCHEMA_CODE)
    rows = run.attempts.select("index", "attempt", "error_kind", "error_code", "cost")
    answers = rows.filter(unfit).collect(engine="streaming")
    if not len(answers):
        return None
    first = answers.group_by("index").agg(pl.col("attempt").min().alias("first"))
    again = (
        rows.join(first.lazy(), on="index", how="inner")
        .filter(pl.col("attempt") > pl.col("first"))
        .select("index", "attempt", "cost")
        .collect(engine="streaming")
    )
    next_ones = answers.select("index", pl.col("attempt") + 1)
    failed = (pl.col("status") == "failed") & (pl.col("error_code") == SCHEMA_CODE)
    return UnfitAnswers(
        jobs=run.results.filter(failed).select(pl.len()).collect().item(),
        answers=len(answers),
        cost=_sum(answers["cost"]),
        reasks=len(again.join(next_ones, on=["index", "attempt"], how="semi")),
        reask_cost=_sum(again["cost"]),
    )


def _sum(costs: pl.Series) -> Decimal | None:
    return None if costs.null_count() == len(costs) else Decimal(costs.sum())
