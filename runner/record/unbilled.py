"""Attempts that may have been billed although their cost is not known, and what is kept for them.

Lost and cancelled ones, timeouts, broken connections, cut streams, answers that can't be priced:
whatever was sent and brought neither a cost nor a refusal. A refusal is an HTTP status that is not
2xx.
"""

from decimal import Decimal

import polars as pl

from headrace.jobs import Attempt


def kept_for(attempt: Attempt) -> Decimal:
    """The part of the money that this attempt keeps beside its cost."""
    if attempt.cost is not None or attempt.sent_at is None:
        return Decimal(0)
    if attempt.http_status is not None and attempt.http_status // 100 != 2:
        return Decimal(0)
    return attempt.cost_bound or Decimal(0)


def kept_in(attempts: pl.DataFrame) -> Decimal:
    """The same, added up over rows of the attempts table."""
    refused = pl.col("http_status").is_not_null() & (pl.col("http_status") // 100 != 2)
    unknown = pl.col("cost").is_null() & pl.col("sent_at").is_not_null() & ~refused
    return Decimal(attempts.filter(unknown)["cost_bound"].sum() or 0)
