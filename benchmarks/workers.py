"""What a second worker brings to a bulk run, and what each process costs.

    python benchmarks/workers.py [--jobs 30000] [--connections 64] [--repeats 3]

One and two workers take turns; both have all cores, and so has the server (benchmarks/instant.c),
whose share is told. Beside them two runs that know nothing of each other each send half of the
jobs at once: what this machine's cores give to two processes of ours, before a coordinator costs
anything. Whole runs count, from the start of a process to its end. What a job costs in
CPU is told beside: of the coordinator alone, which bounds everything, and of a worker. Of a worker
the memory is its own and its part of what it shares (PSS), and what it has in all (RSS).
Exits 1 when a target is missed.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
from bulk import PRICES, run_arguments, write_jobs
from machine import Pace, Server, environment, instant, judged, told

TWICE = 1.4
WORKER_MB = 80
SAMPLE_EVERY_S = 0.1
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Taken(NamedTuple):
    """What one run took: seconds by the clock, CPU seconds of its own process and of its workers,
    and the most memory of a worker, in MB."""

    seconds: float
    own_cpu_s: float
    workers_cpu_s: float
    pss_mb: float
    rss_mb: float


def cpu_s(pid: int) -> float:
    """The CPU time of a process, its threads included; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory_mb(pid: int) -> tuple[float, float]:
    """PSS and RSS of a process."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0, 0.0
    parted = (line.partition(":") for line in lines[1:])
    found = {name: int(rest.split()[0]) for name, _, rest in parted}
    return found["Pss"] / 1024, found["Rss"] / 1024


def run_with(workers: int, gateway: Server, folder: Path, connections: int) -> Taken:
    """One whole run."""
    out = folder / f"of-{workers}-{time.monotonic_ns()}.run"
    command = [sys.executable, "-m", "headrace", *run_arguments(folder, out, connections)]
    command += ["--workers", str(workers)]
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment(gateway), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    own_s, most = 0.0, (0.0, 0.0)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        own_s = max(own_s, cpu_s(process.pid))
        for child in children.read_text(encoding="ascii").split():
            most = max(most, memory_mb(int(child)))
        time.sleep(SAMPLE_EVERY_S)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"headrace run ended with {process.returncode}")
    total_s = usage.ru_utime + usage.ru_stime  # of the process and of those that it waited for
    return Taken(seconds, own_s, max(0.0, total_s - own_s), *most)


def halves(gateway: Server, folder: Path, connections: int, jobs: int) -> float:
    """Seconds until two runs of half the jobs each, begun at once, have both ended."""
    begin = time.perf_counter()
    runs = []
    for name in ("half-a", "half-b"):
        lines = f"{name}.jsonl"
        if not (folder / lines).exists():
            write_jobs(folder / lines, jobs // 2)
        out = folder / f"{name}-{time.monotonic_ns()}.run"
        arguments = run_arguments(folder, out, connections // 2, lines)
        command = [sys.executable, "-m", "headrace", *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        runs.append(subprocess.Popen(command, env=environment(gateway), **quiet))
    if max(each.wait() for each in runs):
        raise click.ClickException("one of two halves of a run failed")
    return time.perf_counter() - begin


@click.command()
@click.option("--jobs", type=click.IntRange(1), default=30_000, show_default=True)
@click.option("--connections", type=click.IntRange(1), default=64, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
def main(jobs: int, connections: int, repeats: int) -> None:
    """Measure one worker beside two."""
    ones: list[Taken] = []
    twos: list[Taken] = []
    apart_s: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_jobs(folder / "jobs.jsonl", jobs)
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")
        with instant(None, folder, Pace()) as gateway:
            before_s = cpu_s(gateway.pid)
            for _ in range(repeats):
                ones.append(run_with(1, gateway, folder, connections))
                twos.append(run_with(2, gateway, folder, connections))
                apart_s.append(halves(gateway, folder, connections, jobs))
            server_s = (cpu_s(gateway.pid) - before_s) / (3 * repeats * jobs)
    us = 1e6 / jobs
    one = told("one process", [jobs / each.seconds for each in ones], "/s")
    two = told("two workers", [jobs / each.seconds for each in twos], "/s")
    apart = told("two halves, apart", [jobs / seconds for seconds in apart_s], "/s")
    alone_us = told("CPU a job, one process", [each.own_cpu_s * us for each in ones], "us")
    coordinator_us = told("CPU a job, coordinator", [each.own_cpu_s * us for each in twos], "us")
    worker_us = told("CPU a job, workers", [each.workers_cpu_s * us for each in twos], "us")
    click.echo(f"{'CPU a job, server':32} {server_s * 1e6:10,.2f} us")
    pss_mb = median(each.pss_mb for each in twos)
    rss_mb = median(each.rss_mb for each in twos)
    gain = two / one
    what = f"bulk, {connections} connections, {jobs:,} jobs"
    costs = f"coordinator {coordinator_us:.0f}, worker {worker_us:.0f}, one process {alone_us:.0f}"
    met = judged(
        f"{what}, --workers 2 beside one, the server included",
        f"{two:,.0f} requests/s, {gain:.2f} times (two runs of half each that share nothing: "
        f"{apart / one:.2f}); us of CPU a job, starts included: {costs}, "
        f"server {server_s * 1e6:.0f}",
        f"{TWICE:g} times",
        met=gain >= TWICE,
    )
    met &= judged(
        "memory of a worker",
        f"{pss_mb:.0f} MB PSS, {rss_mb:.0f} MB RSS",
        f"{WORKER_MB} MB PSS",
        met=0 < pss_mb <= WORKER_MB,
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
