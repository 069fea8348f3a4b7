"""Attempts that may have been billed although their cost is not known, and what is kept for them.

Lost and cancelled ones, timeouts, broken connections, cut streams, failures of 5xx, answers that
can't be priced: whatever was written to a connection and brought neither a cost nor a refusal.
A refusal is an HTTP status of 3xx or 4xx, also of an error inside a good answer (its kind is http)
of which nothing had come: nobody bills a 429, nor a request that is wrong.
"""

from decimal import Decimal

import polars as pl

from .rows import Attempt

REFUSALS = (3, 4)  # the first digit of their status
REFUSALS_INSIDE = (2, *REFUSALS)


def may_be_billed(attempt: Attempt) -> bool:
    """Whether it was sent and brought neither a cost nor a refusal."""
    if attempt.cost is not None or attempt.sent_at is None:
        return False
    if attempt.http_status is None:
        return True
    inside = attempt.error_kind == "http" and attempt.ttft_s is None
    return attempt.http_status // 100 not in (REFUSALS_INSIDE if inside else REFUSALS)


def kept_for(attempt: Attempt) -> Decimal:
    """The part of the money that this attempt keeps beside its cost."""
    return attempt.cost_bound or Decimal(0) if may_be_billed(attempt) else Decimal(0)


def unbilled() -> pl.Expr:
    """The same of rows of the attempts table, which have these columns: cost, sent_at,
    http_status, error_kind, ttft_s."""
    hundreds = pl.col("http_status") // 100
    inside = (pl.col("error_kind") == "http") & pl.col("ttft_s").is_null()
    refused = hundreds.is_in(REFUSALS) | (hundreds.is_in(REFUSALS_INSIDE) & inside)
    refused = refused.fill_null(value=False)
    return pl.col("cost").is_null() & pl.col("sent_at").is_not_null() & ~refused


def kept_in(attempts: pl.DataFrame) -> Decimal:
    """What is kept for all rows of the attempts table together."""
    return Decimal(attempts.filter(unbilled())["cost_bound"].sum() or 0)
