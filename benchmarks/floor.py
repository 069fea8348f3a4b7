"""What a job of a bulk run costs at least on trio, what ours costs, and where the rest goes.

    python benchmarks/floor.py [--jobs 20000] [--connections 64] [--repeats 3]

On one core, against the instant server on another, in turn: a bare aiohttp loop; a bare loop of
sockets on trio, which neither parses HTTP nor pools connections (nothing that runs on trio is
cheaper); headrace's transport alone; and a whole run. Then one more run is sampled
(benchmarks/sampled.py): where its CPU time goes, by stage. It judges nothing: it explains the
figure of benchmarks/bulk.py.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import click
from bulk import PRICES, run_arguments, run_bare, run_headrace, write_jobs
from machine import Pace, Server, cores, environment, instant, on, told

SAMPLED = Path(__file__).with_name("sampled.py")
BARE = {
    "aiohttp": "bare aiohttp loop",
    "sockets": "bare sockets on trio",
    "transport": "headrace's transport alone",
}


def stages_of(gateway: Server, core: int, folder: Path, connections: int) -> dict[str, float]:
    """Seconds of CPU by stage, of one run."""
    out = folder / "stages.json"
    arguments = run_arguments(folder, folder / "sampled.run", connections)
    command = [sys.executable, str(SAMPLED), str(out), *arguments]
    with on(core):
        done = subprocess.run(command, capture_output=True, env=environment(gateway), check=False)
    if done.returncode:
        raise click.ClickException(f"the sampled run ended with {done.returncode}")
    found: dict[str, float] = json.loads(out.read_text(encoding="utf-8"))
    return found


@click.command()
@click.option("--jobs", type=click.IntRange(1), default=20_000, show_default=True)
@click.option("--connections", type=click.IntRange(1), default=64, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
def main(jobs: int, connections: int, repeats: int) -> None:
    """Measure the layers of a bulk run."""
    server, client = cores()
    taken: dict[str, list[float]] = {name: [] for name in (*BARE, "run")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_jobs(folder / "jobs.jsonl", jobs)
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")
        with instant(server, folder, Pace()) as gateway:
            for number in range(repeats):
                for kind in BARE:
                    seconds = run_bare(
                        kind, gateway, client, folder, count=jobs, connections=connections
                    )
                    taken[kind].append(1e6 * seconds / jobs)
                seconds = run_headrace(gateway, client, folder, connections, number)
                taken["run"].append(1e6 * seconds / jobs)
            stages = stages_of(gateway, client, folder, connections)
    least = median(taken["sockets"])
    for kind, what in {**BARE, "run": "headrace run, whole"}.items():
        told(f"{what}, a request", taken[kind], "us")
    click.echo(
        f"The least on trio is {median(taken['aiohttp']) / least:.2f} times as fast as the aiohttp "
        f"loop; the whole run takes {median(taken['run']) / least:.2f} times that least."
    )
    click.echo("Where the CPU time of a sampled run goes, us a job:")
    for stage, seconds in sorted(stages.items(), key=lambda each: -each[1]):
        click.echo(f"  {stage:42} {1e6 * seconds / jobs:8.1f}")


if __name__ == "__main__":
    main()
