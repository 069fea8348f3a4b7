"""Two runs' jobs side by side: in pairs where both did the same jobs, else as two samples."""

from typing import NamedTuple

import msgspec
import polars as pl

from ..figures import measured_results
from ..run import Run

# Runs of which at least this share of the jobs has a pair are compared in pairs.
PAIRED_SHARE_MIN = 0.5
NUMBERS = {
    "latency_s": pl.col("latency_s"),
    "ttft_s": pl.col("ttft_s"),
    "tpot_s": pl.col("tpot_s"),
    "total_s": pl.col("total_s"),
    "input_tokens": pl.col("input_tokens").cast(pl.Float64),
    "output_tokens": pl.col("output_tokens").cast(pl.Float64),
}


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs of two runs are the same: one custom_id and one body.

    `changed` have one custom_id and another body; `only_a` and `only_b` are in one run alone.
    `unpaired_because` says in words why the runs are compared as two samples; None where they are
    compared in pairs.
    """

    jobs_a: int
    jobs_b: int
    pairs: int
    changed: int
    only_a: int
    only_b: int
    unpaired_because: str | None

    @property
    def paired(self) -> bool:
        return self.unpaired_because is None


class Sides(NamedTuple):
    """The rows to compare, one per job. In pairs, row n of one belongs to row n of the other.

    Columns: `failed`, `cost`, `attempts`, those of NUMBERS (null where the job failed), and
    `cut`: by max_tokens; null where the job failed.
    """

    a: pl.DataFrame
    b: pl.DataFrame
    pairing: Pairing


def side_by_side(jobs_a: pl.DataFrame, jobs_b: pl.DataFrame) -> Sides:
    """Pair the jobs of two runs that are the same."""
    if any(jobs["custom_id"].n_unique() < len(jobs) for jobs in (jobs_a, jobs_b)):
        # A load run goes through its jobs many times.
        why = "a custom_id stands for several jobs"
        return Sides(jobs_a, jobs_b, _pairing(jobs_a, jobs_b, (0, 0), why))
    both = jobs_a.join(jobs_b, on="custom_id", how="inner", maintain_order="left")
    same = both.filter(pl.col("body_digest") == pl.col("body_digest_right"))
    most = max(len(jobs_a), len(jobs_b))
    few = not len(same) or len(same) < PAIRED_SHARE_MIN * most
    why_not = "less than half of the jobs are the same in both" if few else None
    pairing = _pairing(jobs_a, jobs_b, (len(same), len(both) - len(same)), why_not)
    if few:
        return Sides(jobs_a, jobs_b, pairing)
    names = [name for name in jobs_a.columns if name != "custom_id"]
    left = same.select(names)
    right = same.select(pl.col(f"{name}_right").alias(name) for name in names)
    return Sides(left, right, pairing)


def _pairing(
    a: pl.DataFrame, b: pl.DataFrame, shared: tuple[int, int], why_not: str | None
) -> Pairing:
    pairs, changed = shared
    return Pairing(
        jobs_a=len(a),
        jobs_b=len(b),
        pairs=pairs,
        changed=changed,
        only_a=len(a) - pairs - changed,
        only_b=len(b) - pairs - changed,
        unpaired_because=why_not,
    )


def jobs_of(run: Run) -> pl.DataFrame:
    """One row per job with a result, in order of its line."""
    succeeded = pl.col("status") == "succeeded"
    results = measured_results(run).select(
        "index",
        "custom_id",
        "body_digest",
        (~succeeded).alias("failed"),
        pl.when(succeeded)
        .then((pl.col("finish_reason") == "length").fill_null(False))
        .alias("cut"),
        *(pl.when(succeeded).then(each).alias(name) for name, each in NUMBERS.items()),
    )
    spent = run.attempts.group_by("index").agg(
        # A sum of nothing known is nothing known.
        pl.when(pl.col("cost").count() > 0).then(pl.col("cost").sum().cast(pl.Float64)),
        pl.len().cast(pl.Float64).alias("attempts"),
    )
    return results.join(spent, on="index", how="left").sort("index").collect()
