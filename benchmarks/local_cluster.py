"""What a bulk run costs that is sent from two machines, as far as one machine can tell.

    python benchmarks/local_cluster.py [--jobs 20000] [--connections 64] [--repeats 3]

A dask LocalCluster of two machines with a worker each, and one process, take turns; all have all
cores, and so has the server (benchmarks/instant.c). Whole runs count, from the start of the command
to its end; the cluster is there before. On as few cores as this has, machines can't be faster: what
counts is the CPU of a job, of the coordinator, which bounds everything, of a worker, and of dask's
process on a machine, which relays. What is told has no target.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
from bulk import PRICES, run_arguments, write_jobs
from distributed import LocalCluster
from machine import Pace, Server, environment, instant, judged, told
from workers import SAMPLE_EVERY_S, cpu_s

MACHINES = 2
LOOPBACK = {
    "host": "127.0.0.1",
    "protocol": "tcp://",
    "dashboard_address": "127.0.0.1:0",
    "worker_dashboard_address": "127.0.0.1:0",
}


class Taken(NamedTuple):
    """What one run took: seconds by the clock, CPU seconds of its command, of its workers, and of
    dask's processes on the machines."""

    seconds: float
    own_cpu_s: float
    workers_cpu_s: float = 0.0
    machines_cpu_s: float = 0.0


class Machines(NamedTuple):
    """A scheduler's address, and the processes of its machines."""

    address: str
    pids: list[int]


@contextlib.contextmanager
def machines_for(key: str) -> Iterator[Machines]:
    """Machines on loopback whose workers have this key."""
    os.environ["HEADRACE_API_KEY"] = key  # they inherit it
    with LocalCluster(n_workers=MACHINES, threads_per_worker=1, **LOOPBACK) as cluster:
        pids = [machine.pid for machine in cluster.workers.values()]
        yield Machines(cluster.scheduler_address, pids)


def children_of(pid: int) -> list[int]:
    """The processes that this one has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for path in lists for each in path.read_text(encoding="ascii").split()]


def run_on(machines: Machines | None, gateway: Server, folder: Path, connections: int) -> Taken:
    """One whole run, from one process where there are no machines."""
    out = folder / f"{time.monotonic_ns()}.run"
    command = [sys.executable, "-m", "headrace", *run_arguments(folder, out, connections)]
    command += [] if machines is None else ["--cluster", machines.address]
    pids = [] if machines is None else machines.pids
    before_s = sum(map(cpu_s, pids))
    workers_s = dict[int, float]()
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment(gateway), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        workers_s |= {child: cpu_s(child) for pid in pids for child in children_of(pid)}
        time.sleep(SAMPLE_EVERY_S)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"headrace run ended with {process.returncode}")
    own_s = usage.ru_utime + usage.ru_stime
    return Taken(seconds, own_s, sum(workers_s.values()), sum(map(cpu_s, pids)) - before_s)


@click.command()
@click.option("--jobs", type=click.IntRange(1), default=20_000, show_default=True)
@click.option("--connections", type=click.IntRange(1), default=64, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
def main(jobs: int, connections: int, repeats: int) -> None:
    """Measure one process beside two machines."""
    ones: list[Taken] = []
    afar: list[Taken] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_jobs(folder / "jobs.jsonl", jobs)
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")
        with instant(None, folder, Pace()) as gateway, machines_for(gateway.key) as machines:
            for _ in range(repeats):
                ones.append(run_on(None, gateway, folder, connections))
                afar.append(run_on(machines, gateway, folder, connections))
    us = 1e6 / jobs
    one = told("one process", [jobs / each.seconds for each in ones], "/s")
    two = told("two machines", [jobs / each.seconds for each in afar], "/s")
    alone_us = told("CPU a job, one process", [each.own_cpu_s * us for each in ones], "us")
    coordinator_us = told("CPU a job, coordinator", [each.own_cpu_s * us for each in afar], "us")
    worker_us = told("CPU a job, workers", [each.workers_cpu_s * us for each in afar], "us")
    relay_us = told("CPU a job, dask there", [each.machines_cpu_s * us for each in afar], "us")
    judged(
        f"bulk, {connections} connections, {jobs:,} jobs, on a LocalCluster of {MACHINES} machines "
        "with a worker each, beside one process",
        f"{two:,.0f} requests/s, {two / one:.2f} times; us of CPU a job, starts included: "
        f"coordinator {coordinator_us:.0f}, worker {worker_us:.0f}, dask there {relay_us:.0f}, one "
        f"process {alone_us:.0f}",
        "told, no target",
        met=True,
    )


if __name__ == "__main__":
    main()
