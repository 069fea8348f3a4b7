"""What was refused with 429, and what the refusals cost those who tried again."""

import polars as pl

from ..run import Run
from .attempt_rows import LoadRows
from .figures import Refusals
from .percentiles import spread_of


def refusals_of(run: Run, rows: LoadRows) -> Refusals:
    """Count refusals, and time what was and wasn't tried again. A job is measured when its first
    attempt is."""
    attempts = rows.attempts
    refused = attempts.filter(pl.col("http_status") == 429)
    first = attempts.filter(pl.col("attempt") == 1)
    jobs = (
        run.results.filter(pl.col("status") == "succeeded")
        .select("index", "total_s")
        .join(first.lazy().select("index"), on="index", how="semi")
        .collect()
    )
    at_once = first.filter("answered").select(pl.col("latency_s") + pl.col("wait_s"))
    return Refusals(
        refused=len(refused),
        share=len(refused) / len(attempts) if len(attempts) else None,
        retry_after=spread_of("retry_after_s", refused["retry_after_s"].drop_nulls().to_numpy()),
        refused_jobs=refused["index"].n_unique(),
        recovered_jobs=jobs.join(refused, on="index", how="semi").height,
        first_attempt=spread_of(
            "latency_s", at_once.to_series().drop_nulls().to_numpy(), since="due"
        ),
        with_retries=spread_of("total_s", jobs["total_s"].to_numpy(), since="due"),
    )
