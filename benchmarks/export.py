"""How long `headrace export` takes over 1,000,000 results, and how much memory, for each format.

    python benchmarks/export.py [--rows 1000000]

The run is that of benchmarks/report.py. Exits 1 when the memory goes beyond its target.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from report import Cost, make_run

MIB = 300
FORMATS = ("openai-batch", "jsonl", "csv", "parquet")


def export(directory: Path, to: str) -> Cost:
    """Run the command in a process of its own."""
    out = directory.with_name("out")
    command = [sys.executable, "-m", "runner", "export", str(directory), "--to", to]
    # polars leaves its allocator's settings in the environment of this process.
    environment = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--out", str(out), "--force"], stdout=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"the export ended with exit code {process.returncode}")
    return Cost(seconds, usage.ru_maxrss / 2**20)


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
