"""How long `headrace report` takes over 1,000,000 results, and how much memory.

    python benchmarks/report.py [--rows 1000000] [--repeats 5]

The run is made up: four models, two endpoints, texts of some 500 characters; one job in five was
refused once, so there are 1,200,000 attempts. Each figure is the median of the repeats. Exits 1
when a target is missed.
"""

import multiprocessing
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import click
import msgspec
import polars as pl
from machine import Cost, cost_of, judged

from headrace.jobs import (
    SCHEMA_VERSION,
    Attempt,
    JobFile,
    Limits,
    Manifest,
    Price,
    PriceTable,
    Result,
    Row,
    Session,
    schema,
)

SECONDS = 5.0
GIB = 1.0
ROWS_A_PART = 50_000
REFUSED_EVERY = 5
START = datetime(2026, 6, 8, tzinfo=UTC)
MODELS = ["small", "large", "fast", "cheap"]
URLS = ["/v1/chat/completions", "/v1/messages"]


def columns(begin: int, count: int) -> dict[str, Any]:
    """Columns that results and attempts share, for the jobs from `begin` on."""
    index = pl.int_range(begin, begin + count, dtype=pl.Int64, eager=True)
    noise = (index * 2654435761 % 4294967296).cast(pl.Float64) / 4294967296
    moment = pl.Series([START]).dt.cast_time_unit("us")[0] + index * timedelta(milliseconds=2)
    return {
        "index": index,
        "custom_id": "job-" + index.cast(pl.String),
        "model": pl.Series(MODELS).gather(index % len(MODELS)),
        "url": pl.Series(URLS).gather(index // 7 % len(URLS)),
        "http_status": pl.repeat(200, count, dtype=pl.Int32, eager=True),
        "input_tokens": (noise * 2000).cast(pl.Int64),
        "output_tokens": (noise * 700).cast(pl.Int64) + 1,
        "cached_input_tokens": (noise * 100).cast(pl.Int64),
        "cost": (noise * 1e6).cast(pl.Int64).cast(pl.Decimal(38, 12)),
        "due_at": moment,
        "sent_at": moment,
        "wait_s": noise / 1000,
        "ttft_s": noise / 5 + 0.05,
        "latency_s": noise * 3 + 0.1,
    }


def attempts_of(shared: dict[str, Any]) -> dict[str, Any]:
    """The attempts of these jobs: a refusal before every fifth one's answer."""
    answered = pl.DataFrame(shared).with_columns(
        attempt=pl.when(pl.col("index") % REFUSED_EVERY == 0).then(2).otherwise(1),
        error_kind=pl.lit(None, dtype=pl.String),
        retry_after_s=pl.lit(None, dtype=pl.Float64),
    )
    used = [name for name in shared if name.endswith("_tokens")]
    refused = answered.filter(pl.col("attempt") == 2).with_columns(
        pl.lit(None).alias(name) for name in (*used, "cost", "ttft_s", "latency_s")
    )
    refused = refused.with_columns(
        attempt=pl.lit(1),
        http_status=pl.lit(429, dtype=pl.Int32),
        error_kind=pl.lit("http"),
        error_code=pl.lit("RATE_LIMIT"),
        retry_after_s=pl.lit(1.0),
    )
    return pl.concat([answered, refused], how="diagonal_relaxed").to_dict()


def write(path: Path, kind: type[Row], data: dict[str, Any]) -> None:
    """One part, with nulls in the columns that `data` has not."""
    found = schema(kind)
    pl.DataFrame(data).select(
        (pl.col(name) if name in data else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in found.items()
    ).write_parquet(path)


def make_run(directory: Path, rows: int) -> None:
    """A run directory of `rows` results."""
    for name in ("results", "attempts"):
        (directory / name).mkdir(parents=True)
    text = "All happy families are alike; each unhappy family is unhappy in its own way. " * 7
    for part, begin in enumerate(range(0, rows, ROWS_A_PART)):
        shared = columns(begin, min(ROWS_A_PART, rows - begin))
        count = len(shared["index"])
        write(
            directory / "results" / f"{part:06}.parquet",
            Result,
            shared
            | {
                "status": pl.repeat("succeeded", count, eager=True),
                "text": pl.repeat(text, count, eager=True) + shared["custom_id"],
                "response": pl.repeat(text, count, eager=True) + shared["custom_id"],
                "attempts": pl.repeat(1, count, eager=True),
                "tpot_s": shared["latency_s"] / 500,
                "total_s": shared["latency_s"] + 0.5,
                "ended_at": shared["due_at"] + timedelta(seconds=2),
                "body_digest": pl.repeat("0" * 32, count, eager=True),
            },
        )
        write(directory / "attempts" / f"{part:06}.parquet", Attempt, attempts_of(shared))
    prices = {model: Price(input=Decimal(1), output=Decimal(2)) for model in MODELS}
    manifest = Manifest(
        headrace="0",
        schema_version=SCHEMA_VERSION,
        kind="bulk",
        base_url="http://127.0.0.1",
        job_file=JobFile(path="jobs.jsonl", size_bytes=1, digest=""),
        prices=PriceTable(currency="CNY", models=prices),
        sessions=[
            Session(
                started_at=START,
                ended_at=START + timedelta(hours=1),
                state="finished",
                limits=Limits(rpm=60_000, tpm=None, concurrency=None),
            )
        ],
    )
    (directory / "run.json").write_bytes(msgspec.json.encode(manifest))


def report(directory: Path) -> Cost:
    """One report over the run."""
    return cost_of("report", str(directory), "--json")


@click.command()
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True)
def main(rows: int, repeats: int) -> None:
    """Measure `headrace report` over a made-up run."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        # In a process of its own: a child's peak memory is never below its parent's.
        maker = multiprocessing.get_context("spawn").Process(
            target=make_run, args=(directory, rows)
        )
        maker.start()
        maker.join()
        if maker.exitcode:
            raise click.ClickException("The run could not be made.")
        costs = [report(directory) for _ in range(repeats)]
    seconds = median(cost.seconds for cost in costs)
    gib = max(cost.gib for cost in costs)
    met = judged(
        f"report over {rows:,} results",
        f"{seconds:.2f} s, {gib:.2f} GiB",
        f"{SECONDS:g} s, {GIB:g} GiB",
        met=seconds <= SECONDS and gib <= GIB,
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
