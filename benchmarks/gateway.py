"""How fast the gateway is on one core: small requests (wrk), and streams paced at 2 ms.

    python benchmarks/gateway.py [--repeats 5] [--seconds 6]

The server has one core and the client another. Each figure is the median of the repeats, with the
lowest and the highest beside it. Exits 1 when a target is missed, 2 when it cannot measure.
"""

import json
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click
from machine import Server, configure, cores, on, serving, told

REQUESTS_PER_S = 10_000
CHUNKS_PER_S = 15_000
LATE_P99_MS = 2.0
# A little more than the target asks, so that starting and ending do not decide.
STREAMS = 32
GAP_S = 0.002
CONNECTIONS = 32
PATH = "/v1/chat/completions"
TOKEN = b'"delta":{"content":'
LAST = b"data: [DONE]"


class Streams(NamedTuple):
    """One round of streams: what left the server, how late, and how long its core was others'."""

    chunks_per_s: float
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    waited_percent: float


def body(**fields: object) -> str:
    """A small chat request."""
    messages = [{"role": "user", "content": "Hello!"}]
    return json.dumps({"model": "deepseek-v4-flash", "messages": messages, **fields})


def measure_requests(core: int, gateway: Server, seconds: int, folder: Path) -> float:
    """Requests/s that wrk gets answered."""
    script = folder / "post.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = [[{body(max_tokens=32)}]]\n"
        f"wrk.headers['Authorization'] = 'Bearer {gateway.key}'\n",
        encoding="utf-8",
    )
    url = f"http://127.0.0.1:{gateway.port}{PATH}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    with on(core):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise click.ClickException(f"wrk saw what was not a success:\n{done.stdout}")
    return float(found[1])


def read_streams(port: int, key: str, tokens: int) -> float:
    """Hold all streams at once to their ends, and say how many chunks came each second."""
    selector = selectors.DefaultSelector()
    text = body(stream=True)
    wire = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
        f"content-length: {len(text)}\r\n\r\n{text}"
    ).encode()
    sockets: dict[int, socket.socket] = {}
    tails: dict[int, bytes] = {}
    began, came = time.perf_counter(), 0
    for number in range(STREAMS):
        # Spread over one gap, as streams of clients that know nothing of each other are.
        while time.perf_counter() < began + GAP_S * number / STREAMS:
            pass
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(wire)
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
        sockets[connection.fileno()], tails[connection.fileno()] = connection, b""
    while sockets:
        for ready, _ in selector.select():
            received = sockets[ready.fd].recv(65_536)
            data = tails[ready.fd] + received
            came += data.count(TOKEN)
            if LAST in data or not received:
                selector.unregister(ready.fd)
                sockets.pop(ready.fd).close()
            else:
                # What may be the beginning of a mark, for the next read to complete.
                tails[ready.fd] = data[1 - len(TOKEN) :]
    if came != STREAMS * tokens:
        raise click.ClickException(f"{came} chunks came instead of {STREAMS * tokens}")
    return STREAMS * tokens / (time.perf_counter() - began)


def measure_streams(server: int, client: int, seconds: int, folder: Path) -> Streams:
    """One round on a fresh gateway; lateness is by the server's own log, chunk by chunk."""
    tokens = int(seconds / GAP_S)
    log = folder / "server.jsonl"
    log.unlink(missing_ok=True)
    options = ["--config", configure(folder, f"output_tokens = {tokens}")]
    options += ["--itl", f"{GAP_S * 1000:g}ms"]
    options += ["--log", str(log), "--log-chunks"]
    with serving(server, *options) as gateway, on(client):
        before_s = gateway.waited_s()
        chunks_per_s = read_streams(gateway.port, gateway.key, tokens)
        waited_percent = 100 * (gateway.waited_s() - before_s) / seconds
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    late_ms = sorted((sent - due) * 1000 for row in rows for due, sent in row["chunks"])
    assert len(late_ms) == STREAMS * tokens
    p50_ms, p99_ms = (late_ms[len(late_ms) * percent // 100] for percent in (50, 99))
    return Streams(chunks_per_s, p50_ms, p99_ms, late_ms[-1], waited_percent)


@click.command()
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True)
@click.option("--seconds", type=click.IntRange(1), default=6, show_default=True, help="Of each.")
def main(repeats: int, seconds: int) -> None:
    """Measure the gateway, server and client on a core each."""
    if shutil.which("wrk") is None:
        click.echo("wrk is missing: install it (apt install wrk) and try again.", err=True)
        sys.exit(2)
    server, client = cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(server, "--config", configure(folder, "seed = 0")) as gateway:
            measure_requests(client, gateway, 1, folder)
            answered = [measure_requests(client, gateway, seconds, folder) for _ in range(repeats)]
        rounds = [measure_streams(server, client, seconds, folder) for _ in range(repeats)]
    requests = told("small requests", answered, "/s")
    chunks = told(f"chunks of {STREAMS} streams", [each.chunks_per_s for each in rounds], "/s")
    told("  lateness p50", [each.late_p50_ms for each in rounds], "ms")
    late = told("  lateness p99", [each.late_p99_ms for each in rounds], "ms")
    told("  lateness worst", [each.late_max_ms for each in rounds], "ms")
    waited = told("  its core was others'", [each.waited_percent for each in rounds], "%")
    if waited > 1:
        click.echo("The server's core was not its own: on a quiet machine lateness is less.")
    met = requests >= REQUESTS_PER_S and chunks >= CHUNKS_PER_S and late < LATE_P99_MS
    click.echo(
        f"targets: {REQUESTS_PER_S:,} requests/s, {CHUNKS_PER_S:,} chunks/s with a p99 lateness "
        f"under {LATE_P99_MS:g} ms: {'met' if met else 'MISSED'}"
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
