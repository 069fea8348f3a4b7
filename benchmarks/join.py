"""What `headrace join` takes over 1,000,000 rows, beside a plain polars join and write of the same.

    python benchmarks/join.py [--rows 1000000] [--repeats 3]

The run is that of benchmarks/report.py, the table has a text of 400 bytes per row. The plain join
is of what a user would write: results and summed costs to the rows by number, as Parquet. Exits 1
when a target is missed.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import click
import msgspec
from datasets import write
from machine import Cost, cost_of, judged
from report import make_run

from headrace.jobs import Dataset, Manifest, Recipe, open_table

TIMES = 3.0
GB = 1.0
PLAIN = """
import sys
import polars as pl
run, data, out = sys.argv[1:]
answers = ["text", "status", "error_message", "finish_reason", "input_tokens", "output_tokens"]
costs = pl.scan_parquet(f"{run}/attempts/*.parquet").group_by("index").agg(pl.col("cost").sum())
results = pl.scan_parquet(f"{run}/results/*.parquet").select("index", *answers)
rows = pl.scan_parquet(data).with_row_index("index").with_columns(pl.col("index").cast(pl.Int64))
joined = rows.join(results, on="index", how="left", maintain_order="left")
joined.join(costs, on="index", how="left", maintain_order="left").sink_parquet(out)
"""


def make(folder: Path, rows: int) -> None:
    """The table, and a run that was made of it."""
    write(folder / "t.parquet", rows, 400)
    make_run(folder / "run", rows)
    path = folder / "run" / "run.json"
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    digest = open_table(str(folder / "t.parquet")).digest()
    manifest.dataset = Dataset(path=str(folder / "t.parquet"), digest=digest)
    manifest.recipe = Recipe(model="m", user="{{ text }}")
    path.write_bytes(msgspec.json.encode(manifest))


def plain(folder: Path) -> Cost:
    """The same by polars alone."""
    words = [str(folder / name) for name in ("run", "t.parquet", "plain.parquet")]
    began_s = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", PLAIN, *words])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException("The plain join failed.")
    return Cost(time.perf_counter() - began_s, usage.ru_maxrss / 2**20)


@click.command()
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
def main(rows: int, repeats: int) -> None:
    """Measure `headrace join` over a made-up run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child's peak memory is never below its parent's.
        maker = multiprocessing.get_context("spawn").Process(target=make, args=(folder, rows))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise click.ClickException("The run could not be made.")
        flags = ("--data", str(folder / "t.parquet"), "--out", str(folder / "o.parquet"))
        pairs = [
            (cost_of("join", str(folder / "run"), *flags), plain(folder)) for _ in range(repeats)
        ]
    for ours, theirs in pairs:
        click.echo(
            f"join {ours.seconds:6.1f} s, {ours.gib:.2f} GiB; "
            f"plain {theirs.seconds:6.1f} s, {theirs.gib:.2f} GiB"
        )
    times = median(ours.seconds / theirs.seconds for ours, theirs in pairs)
    gb = max(ours.gib for ours, _ in pairs) * 2**30 / 1e9
    met = judged(
        f"join of {rows:,} rows",
        f"{times:.2f} times a plain join, {gb:.2f} GB",
        f"{TIMES:g} times, {GB:g} GB",
        met=times <= TIMES and gb < GB,
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
