"""What every measurement shares: a core each for server and client, and a gateway to talk to."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click

# As for anyone who has installed the project, no module is compiled anew in each process.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


class Server(NamedTuple):
    """A gateway that runs: its port, its key and its process."""

    port: int
    key: str
    pid: int

    def waited_s(self) -> float:
        """How long it was ready to run while something else had its core."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9


def cores() -> tuple[int, int]:
    """The server's core and the client's."""
    if not hasattr(os, "sched_getaffinity"):
        raise click.ClickException("Pinning needs Linux: the figures would mean nothing here.")
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise click.ClickException("This needs two cores: one for the server, one for the client.")
    return usable[-1], usable[0]


@contextlib.contextmanager
def on(core: int) -> Iterator[None]:
    """Be on `core`, and let what is started meanwhile stay there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def serving(core: int, *arguments: str) -> Iterator[Server]:
    """A gateway of its own on `core`."""
    code = "from headrace.runner.main import main; main()"
    command = [sys.executable, "-c", code, "gateway", "--rpm", "none", "--tpm", "none"]
    environment = {name: each for name, each in os.environ.items() if "HEADRACE" not in name}
    with on(core):
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
    with process:
        try:
            assert process.stdout is not None
            url, key = (process.stdout.readline().partition("=")[2].strip() for _ in range(2))
            if not key:
                raise click.ClickException("The gateway did not start.")
            yield Server(int(url.rpartition(":")[2]), key, process.pid)
        finally:
            process.terminate()


def configure(folder: Path, line: str) -> str:
    """Write a config whose one key has no budget that could run out; its path."""
    path = folder / "gateway.toml"
    path.write_text(f'{line}\nbalance = 1_000_000\n[[keys]]\nname = "bench"\n', encoding="utf-8")
    return str(path)


class Cost(NamedTuple):
    """What one command took, and the most memory that it had."""

    seconds: float
    gib: float


def cost_of(*arguments: str) -> Cost:
    """Run a `headrace` command in a process of its own."""
    # polars leaves its allocator's settings in the environment of this process.
    environment = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    command = [sys.executable, "-m", "headrace", *arguments]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"`{arguments[0]}` ended with exit code {process.returncode}")
    return Cost(seconds, usage.ru_maxrss / 2**20)


def told(name: str, values: list[float], unit: str) -> float:
    """Print the median and the range, and return the median."""
    middle = median(values)
    click.echo(f"{name:32} {middle:10,.2f} {unit}  ({min(values):,.2f} to {max(values):,.2f})")
    return middle


ROWS = "HEADRACE_BENCH_ROWS"  # a file for `benchmarks/results.py`, which makes the table


def judged(what: str, figure: str, target: str, *, met: bool) -> bool:
    """Print one row of the table of targets, and keep it where somebody gathers them."""
    click.echo(f"{what}: {figure} (target: {target}): {'met' if met else 'MISSED'}")
    if ROWS in os.environ:
        with Path(os.environ[ROWS]).open("a", encoding="utf-8") as rows:
            row = {"what": what, "figure": figure, "target": target, "met": met}
            rows.write(json.dumps(row) + "\n")
    return met


INSTANT = Path(__file__).with_name("instant.c")


class Pace(NamedTuple):
    """How the instant server streams: when the first chunk comes, the gap between two, how many."""

    ttft_us: int = 0
    gap_us: int = 0
    chunks: int = 16


@contextlib.contextmanager
def instant(
    core: int | None, folder: Path, pace: Pace, log: Path | None = None
) -> Iterator[Server]:
    """The C server of `instant.c` on `core`, compiled into `folder`; None is any core."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise click.ClickException("This needs a C compiler (apt install gcc).")
    program = folder / "instant"
    if not program.exists():
        subprocess.run([compiler, "-O2", "-o", str(program), str(INSTANT)], check=True)
    command = [str(program), *map(str, pace), *([] if log is None else [str(log)])]
    with contextlib.nullcontext() if core is None else on(core):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            yield Server(int(process.stdout.readline()), "sk-bench", process.pid)
        finally:
            process.terminate()


def environment(server: Server) -> dict[str, str]:
    """What a client of `server` is started with."""
    found = {name: each for name, each in os.environ.items() if not name.startswith("HEADRACE_")}
    url = f"http://127.0.0.1:{server.port}"
    return found | {"HEADRACE_API_KEY": server.key, "HEADRACE_BASE_URL": url}
