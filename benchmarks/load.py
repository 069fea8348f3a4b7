"""What `headrace load` measures, beside what the server knows: streams, an open loop, many streams.

    python benchmarks/load.py [--repeats 3] [--seconds 8] [--streams 5000]

The server (benchmarks/instant.c) has one core, the client another. It streams by a schedule fixed
beforehand and logs when each request was read and when its first chunk left. Exits 1 when a target
is missed.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
import polars as pl
from machine import Pace, Server, cores, environment, instant, judged, on, told

USERS = 64
STREAMED = Pace(ttft_us=50_000, gap_us=2000, chunks=500)
TTFT_P50_MS, TTFT_P99_MS, THROUGHPUT = 0.5, 3.0, 0.97
RATE = 1000
DUE_P99_MS = 1.0
HELD = Pace(ttft_us=2_000_000, gap_us=1_000_000, chunks=20)
HELD_GIB = 1.0


class Load(NamedTuple):
    """One load run: its measured attempts, its verdict, and the most memory that it took."""

    attempts: pl.DataFrame
    verdict: str
    gib: float


class Streams(NamedTuple):
    """One round of streams: how far the client's TTFT is from the server's, and the throughput."""

    off_p50_ms: float
    off_p99_ms: float
    throughput: float
    client_p50_ms: float
    coalesced_percent: float


def load(server: Server, core: int, out: Path, *options: str) -> Load:
    """Run `headrace load`; a client that was too slow is no error here."""
    command = [sys.executable, "-m", "runner", "load", "--out", str(out), "--json", *options]
    with on(core):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(server)
        )
    assert process.stdout is not None
    assert process.stderr is not None
    summary = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 4):
        raise click.ClickException(f"headrace load failed:\n{process.stderr.read().decode()}")
    rows = pl.read_parquet(out / "attempts" / "*.parquet")
    found: dict[str, Any] = json.loads(summary).get("load") or {}
    verdict = found.get("verdict") or {}
    measured = rows.filter(pl.col("phase") == "measure")
    return Load(measured, str(verdict.get("verdict", verdict)), used.ru_maxrss * 1024 / 2**30)


def quantile_ms(values: pl.Series, share: float) -> float:
    found = values.quantile(share)
    assert found is not None
    return 1000 * found


def measure_streams(server: int, client: int, folder: Path, number: int, seconds: int) -> Streams:
    log = folder / f"streams-{number}.log"
    options = ["--users", str(USERS), "--duration", f"{seconds}s", "--warmup", "2s", "--stream"]
    with instant(server, folder, STREAMED, log) as running:
        found = load(running, client, folder / f"streams-{number}.run", *options)
    told_ms = [
        (int(first) - int(received)) / 1e6
        for received, first, _ in (line.split() for line in log.read_text().splitlines())
    ]
    truth = pl.Series(told_ms) / 1000
    # Those that the server streamed before the measurement are in its log too; their schedule is
    # the same.
    done = found.attempts.filter(pl.col("error_kind").is_null())
    whole_s = (STREAMED.ttft_us + (STREAMED.chunks - 1) * STREAMED.gap_us) / 1e6
    took = done["latency_s"] + done["wait_s"]
    mean_s = took.mean()
    assert isinstance(mean_s, float)
    gaps = done["gaps_s"].explode()
    return Streams(
        abs(quantile_ms(done["ttft_s"], 0.5) - quantile_ms(truth, 0.5)),
        abs(quantile_ms(done["ttft_s"], 0.99) - quantile_ms(truth, 0.99)),
        whole_s / mean_s,
        quantile_ms(done["ttft_s"], 0.5),
        100 * float((gaps == 0).sum()) / len(gaps),
    )


def measure_open_loop(server: int, client: int, folder: Path, number: int, seconds: int) -> float:
    """How late requests are sent, in milliseconds at p99."""
    options = ["--rate", f"{RATE}/s", "--duration", f"{seconds}s", "--warmup", "1s", "--no-stream"]
    options += ["--prompt-tokens", "64"]
    with instant(server, folder, Pace()) as running:
        found = load(running, client, folder / f"open-{number}.run", *options)
    return quantile_ms(found.attempts["wait_s"], 0.99)


def measure_held(server: int, client: int, folder: Path, streams: int) -> tuple[int, float]:
    """How many of so many streams at once came whole, and the client's memory."""
    options = ["--users", str(streams), "--requests", str(streams), "--stream"]
    options += ["--prompt-tokens", "64"]
    with instant(server, folder, HELD) as running:
        found = load(running, client, folder / "held.run", *options)
    whole = found.attempts.filter(
        pl.col("error_kind").is_null() & (pl.col("output_tokens") == HELD.chunks)
    )
    return len(whole), found.gib


@click.command()
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seconds", type=click.IntRange(2), default=8, show_default=True, help="Of each.")
@click.option("--streams", type=click.IntRange(1), default=5000, show_default=True)
def main(repeats: int, seconds: int, streams: int) -> None:
    """Measure load runs against the server's own log."""
    server, client = cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rounds = [measure_streams(server, client, folder, n, seconds) for n in range(repeats)]
        late = [measure_open_loop(server, client, folder, n, seconds) for n in range(repeats)]
        held, gib = measure_held(server, client, folder, streams)
    told("TTFT p50, client", [each.client_p50_ms for each in rounds], "ms")
    p50 = told("  off the server's", [each.off_p50_ms for each in rounds], "ms")
    p99 = told("TTFT p99, off the server's", [each.off_p99_ms for each in rounds], "ms")
    share = told("throughput of the ideal", [each.throughput for each in rounds], "")
    told("gaps within one read", [each.coalesced_percent for each in rounds], "%")
    told("open loop, late at p99", late, "ms")
    met = judged(
        f"streams, {USERS} at {1_000_000 // STREAMED.gap_us} chunks/s each",
        f"TTFT p50 off by {p50:.2f} ms, p99 by {p99:.2f} ms; {100 * share:.1f} % of the ideal",
        f"{TTFT_P50_MS:g} ms, {TTFT_P99_MS:g} ms, {100 * THROUGHPUT:g} %",
        met=p50 <= TTFT_P50_MS and p99 <= TTFT_P99_MS and share >= THROUGHPUT,
    )
    met &= judged(
        f"open loop, {RATE:,} requests/s",
        f"sent within {median(late):.2f} ms of due at p99",
        f"{DUE_P99_MS:g} ms",
        met=median(late) <= DUE_P99_MS,
    )
    met &= judged(
        f"{streams:,} streams at once in one process",
        f"{held:,} came whole, {gib:.2f} GiB",
        f"all, under {HELD_GIB:g} GiB",
        met=held == streams and gib < HELD_GIB,
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
