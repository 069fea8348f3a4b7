"""What `headrace load` measures, beside what the server knows: streams, an open loop, many streams.

    python benchmarks/load.py [--repeats 3] [--seconds 8] [--streams 5000] [--realtime]

The server (benchmarks/instant.c) has one core, the client another. It streams by a schedule fixed
beforehand and logs when each request came and when its first chunk left. Beside the open loop, a
bare loop on the same timer says how late this machine lets anybody be; and each client says how
long it was ready to run while something else had its core. `--realtime` gives both a priority that
keeps others off that core, where it can't be had to itself. Exits 1 when a target is missed.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
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
ROOT = Path(__file__).resolve().parent.parent


class Load(NamedTuple):
    """One load run: its measured attempts, its verdict, the most memory that it took, and how long
    it waited for its core."""

    attempts: pl.DataFrame
    verdict: str
    gib: float
    waited_ms: float


class Streams(NamedTuple):
    """One round of streams: how far the client's TTFT is from the server's for the same streams (in
    the quantiles of both, and stream by stream), and the throughput."""

    off_p50_ms: float
    off_p99_ms: float
    each_off_p99_ms: float
    throughput: float
    client_p50_ms: float
    server_p99_ms: float
    coalesced_percent: float
    waited_ms: float
    server_waited_ms: float


class Late(NamedTuple):
    """One open loop: how late requests left, and how late a bare loop was just before it."""

    p50_ms: float
    p99_ms: float
    bare_p99_ms: float
    waited_ms: float


class Bench(NamedTuple):
    """Where things run, and for how long."""

    server: int
    client: int
    folder: Path
    seconds: int
    realtime: bool

    @property
    def before(self) -> list[str]:
        """What a client's command begins with."""
        return ["chrt", "--rr", "1"] if self.realtime else []


def load(bench: Bench, server: Server, name: str, *options: str) -> Load:
    """Run `headrace load`; a client that was too slow is not an error here."""
    out = bench.folder / name
    command = [*bench.before, sys.executable, "-m", "headrace", "load", "--out", str(out), "--json"]
    with on(bench.client):
        process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(server),
        )
    assert process.stdout is not None
    assert process.stderr is not None
    summary = process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # or what it waited is gone with it
    waited_s = server._replace(pid=process.pid).waited_s()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 6):
        raise click.ClickException(f"headrace load failed:\n{process.stderr.read().decode()}")
    rows = pl.read_parquet(out / "attempts" / "*.parquet")
    found: dict[str, Any] = json.loads(summary).get("load") or {}
    verdict = found.get("verdict") or {}
    return Load(
        rows.filter(pl.col("phase") == "measure"),
        str(verdict.get("verdict", verdict)),
        used.ru_maxrss * 1024 / 2**30,
        1000 * waited_s,
    )


def quantile_ms(values: pl.Series, share: float) -> float:
    found = values.quantile(share)
    assert found is not None
    return 1000 * found


def measure_streams(bench: Bench, number: int) -> Streams:
    log = bench.folder / f"streams-{number}.log"
    options = ["--users", str(USERS), "--duration", f"{bench.seconds}s", "--warmup", "2s"]
    with instant(bench.server, bench.folder, STREAMED, log) as running:
        found = load(bench, running, f"streams-{number}.run", *options, "--stream")
        server_waited_ms = 1000 * running.waited_s()
    lines = (line.split() for line in log.read_text().splitlines())
    truth = pl.DataFrame(
        [(name, (int(first) - int(came)) / 1e9) for name, came, first, _ in lines],
        schema={"request_id": pl.String, "true_s": pl.Float64},
        orient="row",
    )
    # The server's log has the warm-up too: only what was measured, and is in both, is compared.
    done = found.attempts.filter(pl.col("error_kind").is_null())
    both = done.join(truth, on="request_id", validate="1:1")
    if len(both) != len(done):
        raise click.ClickException("the server's log lacks streams that the client has")
    off_ms = {
        share: abs(quantile_ms(both["ttft_s"], share) - quantile_ms(both["true_s"], share))
        for share in (0.5, 0.99)
    }
    whole_s = (STREAMED.ttft_us + (STREAMED.chunks - 1) * STREAMED.gap_us) / 1e6
    mean_s = (done["latency_s"] + done["wait_s"]).mean()
    assert isinstance(mean_s, float)
    gaps = done["gaps_s"].explode()
    return Streams(
        off_p50_ms=off_ms[0.5],
        off_p99_ms=off_ms[0.99],
        each_off_p99_ms=quantile_ms((both["ttft_s"] - both["true_s"]).abs(), 0.99),
        throughput=whole_s / mean_s,
        client_p50_ms=quantile_ms(done["ttft_s"], 0.5),
        server_p99_ms=quantile_ms(both["true_s"], 0.99),
        coalesced_percent=100 * float((gaps == 0).sum()) / len(gaps),
        waited_ms=found.waited_ms,
        server_waited_ms=server_waited_ms,
    )


def measure_open_loop(bench: Bench, number: int) -> Late:
    """How late requests are sent, and how late a loop is that does nothing but wait."""
    options = ["--rate", f"{RATE}/s", "--duration", f"{bench.seconds}s", "--warmup", "1s"]
    with instant(bench.server, bench.folder, Pace()) as running:
        bare_ms = bare_p99_ms(bench)
        found = load(
            bench, running, f"open-{number}.run", *options, "--no-stream", "--prompt-tokens", "64"
        )
    wait = found.attempts["wait_s"]
    return Late(quantile_ms(wait, 0.5), quantile_ms(wait, 0.99), bare_ms, found.waited_ms)


def bare_p99_ms(bench: Bench) -> float:
    script = [sys.executable, str(Path(__file__).with_name("timer.py")), "--rate", str(RATE)]
    with on(bench.client):
        done = subprocess.run(
            [*bench.before, *script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
    return float(done.stdout)


def measure_held(bench: Bench, streams: int) -> tuple[int, float]:
    """How many of so many streams at once came whole, and the client's memory."""
    options = ["--users", str(streams), "--requests", str(streams), "--stream"]
    options += ["--prompt-tokens", "64"]
    with instant(bench.server, bench.folder, HELD) as running:
        found = load(bench, running, "held.run", *options)
    whole = found.attempts.filter(
        pl.col("error_kind").is_null() & (pl.col("output_tokens") == HELD.chunks)
    )
    return len(whole), found.gib


def show_streams(rounds: list[Streams]) -> bool:
    told("TTFT p50, client", [each.client_p50_ms for each in rounds], "ms")
    p50 = told("  off the server's", [each.off_p50_ms for each in rounds], "ms")
    told("TTFT p99, server", [each.server_p99_ms for each in rounds], "ms")
    p99 = told("  off it", [each.off_p99_ms for each in rounds], "ms")
    told("TTFT off, stream by stream, p99", [each.each_off_p99_ms for each in rounds], "ms")
    share = told("throughput of the ideal", [each.throughput for each in rounds], "")
    told("gaps within one read", [each.coalesced_percent for each in rounds], "%")
    told("client waited for its core", [each.waited_ms for each in rounds], "ms")
    # A server that stood still sends all at once what was due meanwhile.
    told("server waited for its core", [each.server_waited_ms for each in rounds], "ms")
    return judged(
        f"streams, {USERS} at {1_000_000 // STREAMED.gap_us} chunks/s each",
        f"TTFT p50 off by {p50:.2f} ms, p99 by {p99:.2f} ms; {100 * share:.1f} % of the ideal",
        f"{TTFT_P50_MS:g} ms, {TTFT_P99_MS:g} ms, {100 * THROUGHPUT:g} %",
        met=p50 <= TTFT_P50_MS and p99 <= TTFT_P99_MS and share >= THROUGHPUT,
    )


def show_open_loop(rounds: list[Late]) -> bool:
    told("open loop, late at p50", [each.p50_ms for each in rounds], "ms")
    p99 = told("open loop, late at p99", [each.p99_ms for each in rounds], "ms")
    bare = told("  a bare loop on the same timer", [each.bare_p99_ms for each in rounds], "ms")
    told("client waited for its core", [each.waited_ms for each in rounds], "ms")
    return judged(
        f"open loop, {RATE:,} requests/s",
        f"sent within {p99:.2f} ms of due at p99 (a bare timer loop: {bare:.2f} ms)",
        f"{DUE_P99_MS:g} ms, or {DUE_P99_MS:g} ms more than a bare timer loop",
        met=p99 <= DUE_P99_MS + bare,
    )


@click.command()
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seconds", type=click.IntRange(2), default=8, show_default=True, help="Of each.")
@click.option("--streams", type=click.IntRange(0), default=5000, show_default=True)
@click.option("--realtime", is_flag=True, help="Keep others off the client's core (root only).")
def main(repeats: int, seconds: int, streams: int, realtime: bool) -> None:
    """Measure load runs against the server's own log."""
    server, client = cores()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(server, client, Path(name), seconds, realtime)
        met = show_streams([measure_streams(bench, n) for n in range(repeats)])
        met &= show_open_loop([measure_open_loop(bench, n) for n in range(repeats)])
        if streams:
            held, gib = measure_held(bench, streams)
            met &= judged(
                f"{streams:,} streams at once in one process",
                f"{held:,} came whole, {gib:.2f} GiB",
                f"all, under {HELD_GIB:g} GiB",
                met=held == streams and gib < HELD_GIB,
            )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
