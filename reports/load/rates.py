"""Rates over the measured window: what was asked for, and what was done in it.

An answer counts where it ended. The output of one that was only partly under way within the window
counts for the part of the time from its first token to its end, so that long answers are neither
lost nor counted whole at the edges.
"""

from datetime import timedelta

import polars as pl

from headrace.jobs import LoadFacts

from ..run import Run
from .attempt_rows import LoadRows, read_rows
from .figures import Rates

SECOND = timedelta(seconds=1)
# Users who are each wanted once are all due at one moment: a rate over that would be in millions.
SHORTEST = timedelta(milliseconds=1)


def load_rates(run: Run, facts: LoadFacts) -> Rates | None:
    """Those of a load run alone, without its other figures; `facts` is its part of run.json."""
    return rates(read_rows(run, facts))


def one_request(rates: Rates, facts: LoadFacts) -> dict[str, float]:
    """What a single request more or less moves each rate by: none is surer than that, since
    requests are whole, and whether one ends within the window or just after it is chance."""
    if facts.measure_from is None or facts.measure_to is None:
        return {}
    window_s = (facts.measure_to - facts.measure_from) / SECOND
    ended = rates.requests_per_s * window_s
    of_tokens = 1 / ended if ended else 0.0
    return {
        "due_per_s": 1 / window_s,
        "requests_per_s": 1 / window_s,
        "goodput_per_s": 1 / window_s,
        "input_tokens_per_s": rates.input_tokens_per_s * of_tokens,
        "output_tokens_per_s": rates.output_tokens_per_s * of_tokens,
    }


def rates(rows: LoadRows) -> Rates | None:
    """Rates over the window from `measure_from` to `measure_to`; None where these aren't known, or
    are not a millisecond apart."""
    begin, end = rows.facts.measure_from, rows.facts.measure_to
    if begin is None or end is None or end - begin < SHORTEST:
        return None
    window_s = (end - begin) / SECOND
    sent_s = (pl.col("sent_at") - begin).dt.total_microseconds() / 1e6
    ended_s = sent_s + pl.col("latency_s")
    first_s = sent_s + pl.col("ttft_s").fill_null(0)
    whole = ended_s.is_between(0, window_s, closed="left")
    found = (
        rows.everything.lazy()
        .filter("answered")
        .select(
            whole.sum().alias("requests"),
            (whole & pl.col("good")).sum().alias("good"),
            pl.col("input_tokens").filter(whole).sum().alias("input"),
            (_part(first_s, ended_s, window_s) * pl.col("output_tokens")).sum().alias("output"),
            _overlap(sent_s, ended_s, window_s).sum().alias("under_way"),
        )
        .collect()
        .row(0, named=True)
    )
    due = rows.attempts.filter(pl.col("attempt") == 1).height
    return Rates(
        due_per_s=due / window_s,
        requests_per_s=found["requests"] / window_s,
        goodput_per_s=found["good"] / window_s if rows.objectives else None,
        input_tokens_per_s=found["input"] / window_s,
        output_tokens_per_s=found["output"] / window_s,
        in_flight=found["under_way"] / window_s,
    )


def _overlap(begin_s: pl.Expr, end_s: pl.Expr, window_s: float) -> pl.Expr:
    within = pl.min_horizontal(end_s, pl.lit(window_s)) - pl.max_horizontal(begin_s, pl.lit(0.0))
    return within.clip(lower_bound=0.0)


def _part(begin_s: pl.Expr, end_s: pl.Expr, window_s: float) -> pl.Expr:
    """The part of a stretch that lies within the window; of one without length, all or nothing."""
    return (
        pl.when(end_s > begin_s)
        .then(_overlap(begin_s, end_s, window_s) / (end_s - begin_s))
        .otherwise(begin_s.is_between(0, window_s, closed="left").cast(pl.Float64))
    )
