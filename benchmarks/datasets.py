"""What a large table costs: peak memory and time of `headrace jobs make`, for each kind.

    python benchmarks/datasets.py [--rows 1000000] [--row-bytes 400]

Exits 1 when the memory goes beyond its target. Needs disk for the table and its jobs.
"""

import multiprocessing
import sys
import tempfile
from functools import partial
from pathlib import Path

import click
import polars as pl
from machine import cost_of, judged

MB = 300
ROWS_A_PIECE = 50_000
# The last has all its rows in one group, as some writers leave it.
KINDS = ("csv", "jsonl", "parquet", "arrow", "one-group.parquet")
RECIPE = 'model = "m"\nsystem = "Label it."\nuser = "Ticket: {{ text }}"\nmax_tokens = 20\n'


def table(begin: int, rows: int, row_bytes: int) -> pl.DataFrame:
    """Rows of a number and a text that no other row has."""
    number = pl.int_range(begin, begin + rows, eager=True)
    words = "a word and another word " * (row_bytes // 24 + 1)
    text = pl.select(pl.format("{} {}", pl.lit(number), pl.lit(words[:row_bytes])))
    return pl.DataFrame({"n": number, "text": text.to_series(), "label": number % 7})


def write(path: Path, rows: int, row_bytes: int) -> None:
    """The table as a file of the kind that its ending says."""
    pieces = [
        table(at, min(ROWS_A_PIECE, rows - at), row_bytes) for at in range(0, rows, ROWS_A_PIECE)
    ]
    whole = pl.concat(pieces).lazy()
    groups = rows if path.name.endswith(KINDS[-1]) else None
    sinks = {
        ".csv": whole.sink_csv,
        ".jsonl": whole.sink_ndjson,
        ".parquet": partial(whole.sink_parquet, row_group_size=groups),
        ".arrow": whole.sink_ipc,
    }
    sinks[path.suffix](path)


@click.command()
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--row-bytes", type=click.IntRange(1), default=400, show_default=True)
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, default=KINDS)
def main(rows: int, row_bytes: int, kinds: tuple[str, ...]) -> None:
    """Measure `headrace jobs make` over a made-up table."""
    most = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "r.toml").write_text(RECIPE, encoding="utf-8")
        for kind in kinds:
            data = folder / f"t.{kind}"
            # In a process of its own: a child's peak memory is never below its parent's.
            maker = multiprocessing.get_context("spawn").Process(
                target=write, args=(data, rows, row_bytes)
            )
            maker.start()
            maker.join()
            if maker.exitcode:
                raise click.ClickException("The table could not be made.")
            flags = ("--recipe", str(folder / "r.toml"), "--out", str(folder / "jobs.jsonl"))
            cost = cost_of("jobs", "make", str(data), *flags)
            mb = cost.gib * 2**30 / 1e6
            most = max(most, mb)
            click.echo(f"{kind:18} {cost.seconds:6.1f} s, {mb:4.0f} MB")
            data.unlink()
    met = judged(f"jobs make of {rows:,} rows", f"{most:.0f} MB at most", f"{MB} MB", met=most < MB)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
