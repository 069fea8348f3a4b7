"""What it costs a load run to be watched (`--metrics`, read once a second) and to watch its server
(`--scrape`, a page as large as vLLM's).

    python benchmarks/watched.py [--repeats 7] [--seconds 20]

The client sends streams to the gateway at a fixed rate, on a core of its own, in turn alone, with
either and alone again; its CPU is what run.json has of the measured time. Exits 1 when either takes
1 % of the client's core or more, at the median of the pairs.
"""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import click
from machine import Server, cores, judged, on, serving

MOST_PERCENT = 1.0
METRICS = "127.0.0.1:19464"
# Names and buckets of about a page of vLLM's: 2,000 series.
SERIES = 2000
PAGE = "".join(
    f'vllm:request_seconds_bucket{{engine="0",le="{n / 7:.3f}",model_name="a-model-of-some-size"}} '
    f"{n * 1.5}\n"
    for n in range(SERIES)
).encode()


class Page(http.server.BaseHTTPRequestHandler):
    """The same page to everyone."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def beside() -> Iterator[str]:
    """The page's server, and a reader of the client's metrics; the URL of the page."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    over = threading.Event()

    def read() -> None:
        while not over.wait(1.0):
            with suppress(OSError), urllib.request.urlopen(f"http://{METRICS}/metrics") as page:
                page.read()

    threads = [threading.Thread(target=work) for work in (server.serve_forever, read)]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        over.set()
        server.shutdown()
        for thread in threads:
            thread.join()


def cpu_percent(server: Server, core: int, folder: Path, seconds: int, *flags: str) -> float:
    """The share of a core that the client took while it measured."""
    out = folder / f"{time.monotonic_ns()}.run"
    command = [sys.executable, "-m", "headrace", "load", "--rate", "50/s", "--warmup", "3s"]
    command += ["--duration", f"{seconds}s", "--out", str(out), *flags]
    url = f"http://127.0.0.1:{server.port}"
    env = os.environ | {"HEADRACE_BASE_URL": url, "HEADRACE_API_KEY": server.key}
    with on(core):
        subprocess.run(command, env=env, capture_output=True, check=False)
    machine = json.loads((out / "run.json").read_bytes())["load"]["machine"]
    return 100 * float(machine["cpu_share"])


@click.command()
@click.option("--repeats", default=7, show_default=True)
@click.option("--seconds", default=20, show_default=True)
def main(repeats: int, seconds: int) -> None:
    """Measure what watching costs."""
    server_core, client = cores()
    met = True
    with (
        tempfile.TemporaryDirectory() as name,
        on(server_core),
        beside() as page,
        serving(server_core, "--ttft", "100ms", "--itl", "10ms") as server,
    ):
        folder = Path(name)
        kinds = {
            "--metrics, read each second": ("--metrics", METRICS),
            "--scrape of 200 kB": ("--scrape", page),
        }
        more: dict[str, list[float]] = {kind: [] for kind in kinds}
        alone = [cpu_percent(server, client, folder, seconds)]
        for _ in range(repeats):
            for kind, flags in kinds.items():
                watched = cpu_percent(server, client, folder, seconds, *flags)
                alone.append(cpu_percent(server, client, folder, seconds))
                more[kind].append(watched - (alone[-2] + alone[-1]) / 2)
    click.echo(f"alone: {median(alone):.2f} % of the client's core")
    for kind, found in more.items():
        said = f"{median(found):+.2f} % ({min(found):+.2f} to {max(found):+.2f})"
        target = f"under {MOST_PERCENT:g} %"
        met &= judged(f"CPU of {kind}", said, target, met=median(found) < MOST_PERCENT)
    sys.exit(not met)


if __name__ == "__main__":
    main()
