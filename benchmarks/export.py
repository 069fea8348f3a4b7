"""How long `headrace export` takes over 1,000,000 results, and how much memory, for each format.

    python benchmarks/export.py [--rows 1000000]

The run is that of benchmarks/report.py. Exits 1 when the memory goes beyond its target.
"""

import multiprocessing
import sys
import tempfile
from pathlib import Path

import click
from machine import Cost, cost_of
from report import make_run

MIB = 300
FORMATS = ("openai-batch", "jsonl", "csv", "parquet")


def export(directory: Path, to: str) -> Cost:
    """One export of the run."""
    out = directory.with_name("out")
    return cost_of("export", str(directory), "--to", to, "--out", str(out), "--force")


@click.command()
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True)
def main(rows: int) -> None:
    """Measure `headrace export` over a made-up run."""
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
        most = 0.0
        for to in FORMATS:
            cost = export(directory, to)
            most = max(most, cost.gib * 1024)
            click.echo(f"{to:16} {cost.seconds:6.1f} s, {cost.gib * 1024:4.0f} MiB")
    click.echo(f"export of {rows:,} results: {most:.0f} MiB at most (target {MIB})")
    sys.exit(most > MIB)


if __name__ == "__main__":
    main()
