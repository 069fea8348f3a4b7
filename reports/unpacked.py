"""What a run's tables unpack to: Parquet can hold a text once and name it in every row, so that a
file of 12 kB would be gone through, or exported, without end."""

import polars as pl

from headrace.jobs import InputError

from .run import Run

# The same answer 10,000 times over is seen in tests; more is made to harm.
RATIO_MAX = 10_000
FREE_BYTES = 256 * 2**20
TEXTS = ("response", "text", "metadata", "expected", "error_message")
ROW_BYTES = 500
FLOAT_BYTES = 8


def result_bytes() -> pl.Expr:
    """About what each row of the results takes in memory."""
    size = pl.lit(ROW_BYTES, dtype=pl.Int64)
    for name in TEXTS:
        size += pl.col(name).str.len_bytes().fill_null(0).cast(pl.Int64)
    floats = pl.col("vectors").list.eval(pl.element().list.len()).list.sum()
    return size + floats.fill_null(0).cast(pl.Int64) * FLOAT_BYTES


def check_results_unpack(run: Run) -> None:
    """Raise InputError where the results are far larger than the files that they are packed in."""
    total = run.results.select(result_bytes().sum()).collect(engine="streaming").item()
    refuse_endless(run, "results", int(total))


def check_gaps_unpack(run: Run) -> None:
    """The same for the gaps between tokens, which only load runs have."""
    floats = pl.col("gaps_s").list.len().cast(pl.Int64).sum()
    total = run.attempts.select(floats).collect(engine="streaming").item()
    refuse_endless(run, "attempts", int(total) * FLOAT_BYTES)


def refuse_endless(run: Run, table: str, size_bytes: int) -> None:
    """Raise InputError where a table of this size comes from files that are far too small."""
    parts = [*run.directory.glob(f"{table}/*.parquet"), *run.directory.glob("journal/*.jsonl")]
    stored_bytes = sum(part.stat().st_size for part in parts)
    if size_bytes > max(FREE_BYTES, RATIO_MAX * stored_bytes):
        raise InputError(
            f"{run.directory / table} unpacks to {size_bytes:,} bytes from {stored_bytes:,}; "
            "no run wrote it: restore it"
        )
