"""How fast a bulk run is beside clients that do nothing else, all in one run on one machine.

    python benchmarks/bulk.py [--jobs 30000] [--connections 64] [--repeats 3]

The server (benchmarks/instant.c: no client here keeps it busy) has one core and the client
another. `headrace run` counts whole: from the start of its
process to its end, with reading, limits, journal, Parquet and summary. The others count from their
first request to their last answer. Exits 1 when a target is missed.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from machine import Pace, Server, cores, environment, instant, judged, on, told

BARE = Path(__file__).with_name("bare.py")
PATH = "/v1/chat/completions"
BESIDE_AIOHTTP = 0.9
BESIDE_HTTPX = 15.0
# httpx's own pool takes minutes for what the others do in seconds.
HTTPX_SHARE = 20
# Limits that hold nothing back, so that they are counted all the same.
RPM, TPM = 60_000_000, 60_000_000_000
PRICES = 'currency = "CNY"\n[models."deepseek-v4-flash"]\ninput = 1.00\noutput = 2.00\n'


def write_jobs(path: Path, count: int) -> None:
    """A job file of small, different chat requests."""
    with path.open("w", encoding="utf-8") as lines:
        for number in range(count):
            messages = [{"role": "user", "content": f"What is {number} times {number + 1}?"}]
            body = {"model": "deepseek-v4-flash", "messages": messages, "max_tokens": 16}
            line = {"custom_id": f"r{number}", "method": "POST", "url": PATH, "body": body}
            lines.write(json.dumps(line) + "\n")


def run_arguments(folder: Path, out: Path, connections: int, jobs: str = "jobs.jsonl") -> list[str]:
    """What follows `headrace` for a run of a job file in this folder, which has a price file."""
    arguments = ["run", str(folder / jobs), "--out", str(out)]
    arguments += ["--rpm", str(RPM), "--tpm", str(TPM), "--concurrency", str(connections)]
    return [*arguments, "--prices", str(folder / "prices.toml"), "--json", "--yes"]


def run_headrace(gateway: Server, core: int, folder: Path, connections: int, number: int) -> float:
    """Seconds of one whole run."""
    arguments = run_arguments(folder, folder / f"run-{number}", connections)
    command = [sys.executable, "-m", "headrace", *arguments]
    with on(core):
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, env=environment(gateway), check=False)
        seconds = time.perf_counter() - begin
    if done.returncode:
        raise click.ClickException(f"headrace run ended with {done.returncode}:\n{done.stderr!r}")
    return seconds


def run_bare(
    name: str, gateway: Server, core: int, folder: Path, *, count: int, connections: int
) -> float:
    """Seconds that a bare client takes for so many requests."""
    url = f"http://127.0.0.1:{gateway.port}{PATH}"
    jobs = str(folder / "jobs.jsonl")
    command = [sys.executable, str(BARE), name, url, jobs, str(count), str(connections)]
    with on(core):
        done = subprocess.run(
            command, capture_output=True, env=environment(gateway), text=True, check=False
        )
    if done.returncode:
        raise click.ClickException(f"the bare {name} client failed:\n{done.stderr}")
    return float(done.stdout)


@click.command()
@click.option("--jobs", type=click.IntRange(1), default=30_000, show_default=True)
@click.option("--connections", type=click.IntRange(1), default=64, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
def main(jobs: int, connections: int, repeats: int) -> None:
    """Measure a bulk run beside bare clients."""
    server, client = cores()
    ours, aiohttp, httpx = [], [], []
    few = max(jobs // HTTPX_SHARE, 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_jobs(folder / "jobs.jsonl", jobs)
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")
        with instant(server, folder, Pace()) as gateway:
            for number in range(repeats):
                seconds = run_headrace(gateway, client, folder, connections, number)
                ours.append(jobs / seconds)
                for kind, count, rates in (("aiohttp", jobs, aiohttp), ("httpx", few, httpx)):
                    seconds = run_bare(
                        kind, gateway, client, folder, count=count, connections=connections
                    )
                    rates.append(count / seconds)
    rate = told("headrace run, whole", ours, "/s")
    beside_aiohttp = rate / told("bare aiohttp loop", aiohttp, "/s")
    beside_httpx = rate / told("httpx with its own pool", httpx, "/s")
    what = f"bulk, whole path to process end, {connections} connections, {jobs:,} jobs"
    met = judged(
        f"{what}, beside a bare aiohttp loop",
        f"{rate:,.0f} requests/s, {beside_aiohttp:.2f} times",
        f"{BESIDE_AIOHTTP:g} times",
        met=beside_aiohttp >= BESIDE_AIOHTTP,
    )
    met &= judged(
        f"{what}, beside httpx with its own pool",
        f"{beside_httpx:.1f} times",
        f"{BESIDE_HTTPX:g} times",
        met=beside_httpx >= BESIDE_HTTPX,
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
