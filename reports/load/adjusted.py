"""Times with the requests in them that have none: failures as infinite, what was cut off as longer
than it had waited.

Figures of answers alone flatter a service that fails or hangs: the more it does, the fewer of its
slow requests they have. `reports.load.censored` has the statistics.
"""

from datetime import datetime

import numpy as np
import polars as pl

from headrace.jobs import CLIENT_CANCELLED

from .attempt_rows import LoadRows
from .censored import Incomplete, Survival
from .percentiles import SHARES
from .spread import AdjustedCounts, AdjustedPercentile, Since

# A stream has these before its end, so they are known of one that broke or was cut off later.
BEFORE_THE_END = ("ttft_s", "content_ttft_s")
# Ended by the client, or with the client's process: what would have come of them is not known.
CUT = ("cancelled", "lost")


def incomplete(rows: LoadRows, metric: str, since: Since) -> Incomplete:
    """The times of the measured requests' first attempts, whatever became of them.

    From sent, what never left is left out, but for connections that failed. Answers that can't have
    the figure, such as unstreamed ones a first token, are left out.
    """
    value = pl.col(metric) if since == "sent" else pl.col(metric) + pl.col("wait_s")
    begin = pl.col("due_at") if since == "due" else pl.coalesce("sent_at", "due_at")
    ends = pl.col("answered") | pl.lit(metric in BEFORE_THE_END)
    first = rows.attempts.lazy().filter(pl.col("attempt") == 1)
    if metric in BEFORE_THE_END:
        first = first.filter(pl.col("stream").fill_null(value=bool(rows.facts.stream)))
    cut = pl.col("error_kind").is_in(CUT)
    if since == "sent":
        first = first.filter(~cut.fill_null(value=False) | pl.col("sent_at").is_not_null())
    # Whoever was given up had waited, from sent on, for as long as was asked for.
    after = pl.duration(microseconds=round((rows.facts.cancel_after_s or 0.0) * 1e6))
    given_up = pl.col("error_code").eq_missing(pl.lit(CLIENT_CANCELLED))
    until = pl.when(given_up).then(pl.col("sent_at") + after).otherwise(pl.lit(_cut_off(rows)))
    begin_s = (until - begin).dt.total_microseconds() / 1e6
    found = first.select(
        value=pl.when(ends).then(value),
        cut=cut.fill_null(value=False),
        failed=pl.col("error_kind").is_not_null(),
        until_s=begin_s.clip(lower_bound=0.0).fill_null(0.0),
    ).collect()
    without = found.filter(pl.col("value").is_null())
    waited = without.filter("cut")["until_s"].to_numpy()
    failed = without.filter(pl.col("failed") & ~pl.col("cut"))["until_s"].to_numpy()
    return Incomplete(
        known=found["value"].drop_nulls().to_numpy(),
        failed=failed if len(waited) else np.full(len(failed), np.inf),
        waited=waited,
    )


def counts_of(times: Incomplete) -> AdjustedCounts:
    """How many of each kind these times are."""
    return AdjustedCounts(known=len(times.known), failed=len(times.failed), cut=len(times.waited))


def adjusted_percentiles(times: Incomplete) -> list[AdjustedPercentile]:
    """The percentiles of these times, in the order of `percentiles`; none of no times."""
    if not times.total:
        return []
    survival = Survival(times)
    found = [(name, survival.quantile(share)) for name, share in SHARES.items()]
    return [
        AdjustedPercentile(
            name=name,
            value=each.value,
            at_least=each.at_least,
            infinite=each.value is None and each.at_least is None,
            low=each.low,
            high=each.high,
        )
        for name, each in found
    ]


def _cut_off(rows: LoadRows) -> datetime | None:
    """When the run waited no longer; of one that did not end, the latest that is known of it."""
    facts = rows.facts
    if (told := facts.cut_off or facts.ended) is not None:
        return told
    latency = pl.duration(microseconds=(pl.col("latency_s").fill_null(0) * 1e6).cast(pl.Int64))
    latest: datetime | None = rows.everything.select((pl.col("sent_at") + latency).max()).item()
    return latest
