"""Tokens and money by model and endpoint. Money sums the attempts, exactly; None is unknown."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import msgspec
import polars as pl

from ..run import Run
from ..service_runs import by_service

NOT_RECORDED = "why was not recorded"
NO_PRICES = "no prices were given (--prices)"
COUNTS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """Use of one model at one endpoint (in the total: of all, and both None).

    `answers` are attempts that came back whole. Tokens are those of all attempts, `images` and
    `reasoning_tokens` those of the results. `unpriced` counts answers whose cost is not known.
    `reported_cost` is what the service itself says that they cost, None where it says nothing;
    `reported_answers` is how many of them it says that of, and `computed_of_reported` their cost.
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
    reported_cost: Decimal | None = None
    reported_answers: int = 0
    computed_of_reported: Decimal | None = None


class UsageTable(msgspec.Struct, frozen=True, kw_only=True):
    """The rows, the dearest first, their total, and the models that have no price.

    `probable_cost` is what streams that were cut before their usage, and answers that could not be
    used, were likely billed, an estimate and in no other figure; None where there were none.
    `unpriced_reasons` counts the answers without a cost by why they have none.
    """

    currency: str | None
    rows: list[UsageRow]
    total: UsageRow
    unpriced_models: list[str]
    probable_cost: Decimal | None
    unpriced_reasons: dict[str, int] = {}


def usage_of(run: Run) -> UsageTable:
    """Add up what the attempts used."""
    answered = pl.col("error_kind").is_null()
    of_reported = pl.col("cost").filter(pl.col("reported_cost").is_not_null())
    by_attempts = run.made.group_by("model", "url").agg(
        pl.len().alias("attempts"),
        answered.sum().alias("answers"),
        *(pl.col(name).sum() for name in COUNTS),
        pl.col("cost").sum(),
        pl.col("cost").count().alias("priced"),
        unpriced_answer().sum().alias("unpriced"),
        pl.col("reported_cost").sum(),
        pl.col("reported_cost").count().alias("reported"),
        pl.col("reported_cost").filter(answered).count().alias("reported_answers"),
        of_reported.sum().alias("computed_of_reported"),
        of_reported.count().alias("both"),
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
    return UsageTable(
        currency=run.manifest.currency,
        rows=rows,
        total=_total(rows),
        unpriced_models=sorted(unpriced),
        probable_cost=_probable_cost(run),
        unpriced_reasons=unpriced_reasons(run),
    )


def usage_by_service(run: Run) -> dict[str, UsageTable]:
    """The same of each service, by name; {} of a run that has none."""
    return {name: usage_of(part) for name, part in by_service(run).items()}


def unpriced_answer() -> pl.Expr:
    """Whether an attempt was answered, and the answer has no cost."""
    answered = pl.col("error_kind").is_null() | pl.col("cost_note").is_not_null()
    return answered & pl.col("cost").is_null()


def unpriced_reasons(run: Run) -> dict[str, int]:
    """Answers without a cost by the reason, the most frequent first."""
    services = by_service(run)
    if services:
        return _in_all({name: unpriced_reasons(part) for name, part in services.items()})
    unknown = NO_PRICES if run.manifest.prices is None else NOT_RECORDED
    reasons = (
        run.attempts.filter(unpriced_answer())
        .group_by(pl.col("cost_note").fill_null(unknown).alias("reason"))
        .len("answers")
        .sort("answers", "reason", descending=[True, False])
        .collect()
    )
    return dict(reasons.select("reason", "answers").iter_rows())


def _in_all(reasons: dict[str, dict[str, int]]) -> dict[str, int]:
    """The same of several services; where one has no prices, that one is named."""
    total = Counter[str]()
    for name, found in reasons.items():
        for reason, answers in found.items():
            total[f"the service {name} has no prices" if reason == NO_PRICES else reason] += answers
    return dict(sorted(total.items(), key=lambda each: (-each[1], each[0])))


def _probable_cost(run: Run) -> Decimal | None:
    known = run.attempts.select("probable_cost").drop_nulls().sum().collect()["probable_cost"]
    return Decimal(known[0]) if known[0] else None


def _row(each: dict[str, object]) -> UsageRow:
    known = {
        "cost": each.pop("priced"),
        "reported_cost": each.pop("reported"),
        "computed_of_reported": each.pop("both"),
    }
    amounts = {name: each[name] if count else None for name, count in known.items()}
    return msgspec.convert({**each, **amounts}, UsageRow)


def _total(rows: list[UsageRow]) -> UsageRow:
    own = ("jobs", "attempts", "answers", "reported_answers", "unpriced")
    names = (*own, *COUNTS, "reasoning_tokens", "images")
    return UsageRow(
        model=None,
        url=None,
        computed_of_reported=known_sum(row.computed_of_reported for row in rows),
        cost=known_sum(row.cost for row in rows),
        reported_cost=known_sum(row.reported_cost for row in rows),
        **{name: sum(getattr(row, name) for row in rows) for name in names},
    )


def known_sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of those that are known; None where none is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None
