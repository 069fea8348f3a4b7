"""What the attempts of a run suggest when they are looked at together, in sentences."""

from statistics import median

import polars as pl

from headrace.jobs import counted

from ..run import Run

# Failures that came this late, and all about as late as one another, are somebody's time limit.
LONG_WAIT_S = 10.0
SPREAD_MAX = 0.1
LEAST_ALIKE = 2
ODDITIES_SHOWN = 3
# What a read that took too long says it waited.
_WAITED = r"^waited (\d+(?:\.\d+)?) s for (?:an answer|more of|the end of)"


def hints_of(run: Run, *, odd_answers: bool) -> list[str]:
    """Sentences, each of which says what to do; none where nothing stands out.

    Args:
        run: the run.
        odd_answers: whether any job that succeeded has a message.
    """
    return [*_time_limits(run), *_unstreamed(run), *(_odd_answers(run) if odd_answers else [])]


def _time_limits(run: Run) -> list[str]:
    """Whether what failed for time failed after the same long wait."""
    gateway_timeout = pl.col("http_status") == 504
    late = (
        run.attempts.filter(gateway_timeout | (pl.col("error_kind") == "timeout"))
        .select(
            pl.when(gateway_timeout).then(pl.lit("504")).otherwise(pl.lit("timeout")).alias("what"),
            pl.when(gateway_timeout)
            .then(pl.col("first_byte_s"))
            .otherwise(pl.col("error_message").str.extract(_WAITED).cast(pl.Float64))
            .alias("wait_s"),
        )
        .filter(pl.col("wait_s") >= LONG_WAIT_S)
        .collect()
    )
    said = []
    for what in ("504", "timeout"):
        waits = late.filter(pl.col("what") == what)["wait_s"].to_list()
        if len(waits) < LEAST_ALIKE:
            continue
        typical = median(waits)
        if max(waits) - min(waits) < SPREAD_MAX * typical:
            said.append(
                f"{what} after {typical:,.0f} s each: something cuts here; stream, or raise its "
                f"limit ({counted(len(waits), 'attempt')})"
            )
    return said


def _unstreamed(run: Run) -> list[str]:
    """Whether streams that were asked for came as one piece."""
    load = run.manifest.load
    # Rows of headrace 0.1 don't say what was asked for; a load run's facts do.
    asked = pl.coalesce("stream", pl.lit(None if load is None else load.stream, pl.Boolean))
    whole = pl.col("ttft_s").is_null() & (pl.col("output_tokens").fill_null(1) > 0)
    counts = (
        run.attempts.filter(asked & pl.col("error_kind").is_null())
        .select(pl.len().alias("all"), whole.sum().alias("whole"))
        .collect()
        .row(0, named=True)
    )
    if not counts["whole"]:
        return []
    return [
        f"of the streams that were asked for, {counts['whole']:,} of {counts['all']:,} came "
        "unstreamed: no TTFT"
    ]


def _odd_answers(run: Run) -> list[str]:
    """What successes say is odd about them, such as vectors that are not numbers; the commonest."""
    odd = (
        run.results.filter(
            (pl.col("status") == "succeeded") & pl.col("error_message").is_not_null()
        )
        .group_by("error_message")
        .agg(pl.len().alias("count"))
        .sort("count", "error_message", descending=[True, False])
        .collect()
    )
    said = [
        f"{counted(count, 'answer')} of those that succeeded: {words}"
        for words, count in odd.head(ODDITIES_SHOWN).iter_rows()
    ]
    if more := int(odd[ODDITIES_SHOWN:]["count"].sum()):
        said.append(f"{counted(more, 'more answer')} with other oddities: see error_message")
    return said
