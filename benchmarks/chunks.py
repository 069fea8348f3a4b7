"""What one chunk of a stream costs `headrace load`, beside a loop that only reads.

    python benchmarks/chunks.py [--streams 64] [--streams 128] [--repeats 3] [--seconds 6]

The bare loop (`bare_streams` below) is epoll and recvmsg with the kernel's stamps, and understands
nothing: what it takes is the kernel's price. Both read the same streams of the server of
benchmarks/instant.c, by turns, each side on a core of its own. The CPU of a chunk is the difference
between a long run and a short one over the chunks that lie between: start and summary drop out, and
understanding counts whenever it happens. Exits 1 when a target is missed.
"""

import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
import polars as pl
from machine import Pace, Server, cores, environment, instant, judged, on, told

STREAMED = Pace(ttft_us=50_000, gap_us=2000, chunks=500)
CPU_TIMES, CHUNKS_SHARE, READS_SHARE = 2.2, 0.97, 0.95
TTFT_P50_MS, TTFT_P99_MS, TTFT_TIMES = 0.5, 3.0, 1.25
BODY = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": "x " * 64}], "stream": True}
).encode()


class Read(NamedTuple):
    """One client's figures: CPU of a chunk in us, chunks a second while all streams ran, reads a
    chunk, and how late first tokens were against the server's log at p50 and p99, in ms."""

    cpu_us: float
    chunks_per_s: float
    reads: float
    late_p50_ms: float
    late_p99_ms: float


def bare_streams(port: int, streams: int, seconds: float) -> None:
    """Keep so many streams open for so long, and print what came as JSON: a line a stream with its
    request's id, first arrival after sending, chunks and reads. It parses no more than it must."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n\r\n"
    request = head.encode() + BODY
    poller = select.epoll()
    socks: dict[int, socket.socket] = {}
    began: dict[int, float] = {}
    got: dict[int, list[tuple[bytes, float]]] = {}
    whole: list[tuple[float, list[tuple[bytes, float]]]] = []
    stop_s = time.monotonic() + seconds

    def ask(number: int) -> None:
        got[number] = []
        began[number] = time.clock_gettime(time.CLOCK_REALTIME)
        socks[number].sendall(request)

    for _ in range(streams):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.SOL_SOCKET, 35, 1)
        socks[sock.fileno()] = sock
        poller.register(sock.fileno(), select.EPOLLIN)
        ask(sock.fileno())
    out = set(socks)
    while out:
        for number, _ in poller.poll():
            data, extra, _, _ = socks[number].recvmsg(65536, 64)
            if not data:
                raise click.ClickException("the server closed a connection")
            at = time.clock_gettime(time.CLOCK_REALTIME)
            if extra:
                whole_s, rest_ns = struct.unpack("@ll", extra[0][2])
                at = whole_s + rest_ns / 1e9
            got[number].append((data, at))
            if data.endswith(b"0\r\n\r\n"):
                whole.append((began[number], got[number]))
                if time.monotonic() < stop_s:
                    ask(number)
                else:
                    out.discard(number)
    for sent, pieces in whole:
        text = b"".join(piece for piece, _ in pieces)
        name = text.partition(b"x-request-id: ")[2].partition(b"\r\n")[0].decode()
        first = next(at for piece, at in pieces if b"data: " in piece)
        row = {"name": name, "sent": sent, "first": first - sent, "end": pieces[-1][1] - sent}
        sys.stdout.write(json.dumps({**row, "reads": len(pieces)}) + "\n")


def used_s(command: list[str], core: int, server: Server) -> tuple[float, bytes]:
    """The CPU of a command on a core, and what it wrote."""
    with on(core):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(server))
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 4, 6):
        raise click.ClickException(f"{command[2:5]} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, said


def truth_in(log: Path) -> pl.DataFrame:
    lines = (line.split() for line in log.read_text().splitlines())
    return pl.DataFrame(
        [(name, (int(first) - int(came)) / 1e9) for name, came, first, _ in lines],
        schema={"name": pl.String, "true_s": pl.Float64},
        orient="row",
    )


def read_by(kind: str, streams: int, seconds: int, folder: Path, number: int) -> Read:
    """One client over a short run and a long one."""
    server_core, client_core = cores()
    cpu: list[float] = []
    chunks: list[int] = []
    rows = pl.DataFrame()
    for length in (2, 2 + seconds):
        name = f"{kind}-{streams}-{number}-{length}"
        log = folder / f"{name}.log"
        with instant(server_core, folder, STREAMED, log) as server:
            if kind == "bare":
                script = [sys.executable, __file__, "--bare", str(server.port)]
                command = [*script, "--streams", str(streams), "--seconds", str(length)]
                seconds_used, said = used_s(command, client_core, server)
                rows = pl.read_ndjson(said)
            else:
                out = folder / f"{name}.run"
                command = [sys.executable, "-m", "headrace", "load", "--out", str(out), "--json"]
                command += ["--users", str(streams), "--duration", f"{length}s", "--stream"]
                command += ["--warmup", "0s", "--prompt-tokens", "64"]
                seconds_used, _ = used_s(command, client_core, server)
                found = pl.read_parquet(out / "attempts" / "*.parquet")
                found = found.filter(pl.col("error_kind").is_null())
                gaps = pl.col("gaps_s")
                rows = found.select(
                    name="request_id",
                    first="ttft_s",
                    end="latency_s",
                    reads=1 + gaps.list.eval(pl.element() > 0).list.sum(),
                )
        cpu.append(seconds_used)
        chunks.append(len(rows) * STREAMED.chunks)
    both = rows.join(truth_in(log), on="name", validate="1:1")
    late = (both["first"] - both["true_s"]).abs() * 1000
    whole_s = (STREAMED.ttft_us + (STREAMED.chunks - 1) * STREAMED.gap_us) / 1e6
    ideal = streams * STREAMED.chunks / whole_s
    took = rows["end"].mean()
    assert isinstance(took, float)
    p50, p99 = late.quantile(0.5), late.quantile(0.99)
    assert p50 is not None
    assert p99 is not None
    return Read(
        cpu_us=1e6 * (cpu[1] - cpu[0]) / (chunks[1] - chunks[0]),
        chunks_per_s=ideal * whole_s / took,
        reads=float(rows["reads"].sum()) / (len(rows) * STREAMED.chunks),
        late_p50_ms=p50,
        late_p99_ms=p99,
    )


def compare(streams: int, repeats: int, seconds: int, folder: Path) -> bool:
    ours: list[Read] = []
    bare: list[Read] = []
    for number in range(repeats):
        bare.append(read_by("bare", streams, seconds, folder, number))
        ours.append(read_by("load", streams, seconds, folder, number))
    click.echo(f"{streams} streams at {1_000_000 // STREAMED.gap_us} chunks/s each")
    for name, unit in zip(Read._fields, ("us", "/s", "", "ms", "ms"), strict=True):
        told(f"{name}, bare loop", [getattr(each, name) for each in bare], unit)
        told(f"{name}, headrace load", [getattr(each, name) for each in ours], unit)

    def ratio(name: str) -> float:
        pairs = zip(ours, bare, strict=True)
        return median(getattr(one, name) / getattr(other, name) for one, other in pairs)

    cpu, chunks, reads = ratio("cpu_us"), ratio("chunks_per_s"), ratio("reads")
    p50 = median(each.late_p50_ms for each in ours)
    p99 = median(each.late_p99_ms for each in ours)
    bare_p50 = median(each.late_p50_ms for each in bare)
    bare_p99 = median(each.late_p99_ms for each in bare)
    met = judged(
        f"a chunk of {streams} streams",
        f"{cpu:.2f} times the CPU of a bare loop, {100 * chunks:.1f} % of its chunks/s, "
        f"{reads:.2f} of its reads",
        f"{CPU_TIMES:g} times, {100 * CHUNKS_SHARE:g} %, {READS_SHARE:g}",
        met=cpu <= CPU_TIMES and chunks >= CHUNKS_SHARE and reads >= READS_SHARE,
    )
    return met & judged(
        f"first tokens of {streams} streams",
        f"{p50:.2f} ms off at p50, {p99:.2f} ms at p99 (bare loop: {bare_p50:.2f}, {bare_p99:.2f})",
        f"{TTFT_P50_MS:g} and {TTFT_P99_MS:g} ms, or {TTFT_TIMES:g} times the bare loop's",
        met=p50 <= max(TTFT_P50_MS, TTFT_TIMES * bare_p50)
        and p99 <= max(TTFT_P99_MS, TTFT_TIMES * bare_p99),
    )


@click.command()
@click.option("--streams", type=click.IntRange(1), multiple=True, default=(64, 128))
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seconds", type=click.IntRange(2), default=6, show_default=True)
@click.option("--bare", "port", type=int, hidden=True)
def main(streams: tuple[int, ...], repeats: int, seconds: int, port: int | None) -> None:
    """Measure what a chunk costs."""
    if port is not None:
        bare_streams(port, streams[0], seconds)
        return
    with tempfile.TemporaryDirectory() as name:
        met = [compare(count, repeats, seconds, Path(name)) for count in streams]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
