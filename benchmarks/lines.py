"""What a large job file costs the client: peak memory, and the time to the first request.

    python benchmarks/lines.py [--lines 1000000] [--line-bytes 4000] [--seconds 0] [--prices]

Makes a job file, serves it from this process with answers that come at once, and runs it with
`headrace run` in another, without limits. `--seconds` ends the run with Ctrl-C after so long (0:
runs it to its end); `--prices` has the file estimated beside the run too. Exits 1 when a target is
missed. Needs disk for the file and its results: about twice its size.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click
from machine import judged

PEAK_MB = 300
FIRST_REQUEST_S = 1.0
MODEL = "m"
PRICES = f'currency = "CNY"\n[models.{MODEL}]\ninput = 1.0\noutput = 2.0\n'
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "fine"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 900, "completion_tokens": 1, "total_tokens": 901},
}
BALANCE = {"object": "balance", "currency": "CNY", "balance": 1000000.0, "api_key": {}}


def response(body: object) -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n"
    return head.encode() + b"\r\n" + data


class Served(asyncio.Protocol):
    """Answers each request once it is whole, and notes when the first POST was there."""

    first_post_s: float | None = None
    posts = 0
    fine = response(ANSWER)
    balance = response(BALANCE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._held) < end + 4 + length:
                return
            self._held = self._held[end + 4 + length :]
            if head.startswith(b"get "):
                self._transport.write(self.balance)
                continue
            if Served.first_post_s is None:
                Served.first_post_s = time.monotonic()
            Served.posts += 1
            self._transport.write(self.fine)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The server in a thread, ended with the block."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Served, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def write_jobs(path: Path, lines: int, line_bytes: int) -> None:
    filler = "a word and another word " * (line_bytes // 24 + 1)
    with path.open("w", encoding="utf-8") as file:
        for n in range(lines):
            start = (
                f'{{"custom_id":"job-{n}","url":"/v1/chat/completions","body":{{"model":"{MODEL}",'
                f'"max_tokens":9,"messages":[{{"role":"user","content":"{n} '
            )
            end = '"}]}}\n'
            file.write(start + filler[: max(0, line_bytes - len(start) - len(end))] + end)


class Peak(threading.Thread):
    """The most memory that a process had until its last request was answered; Linux only."""

    def __init__(self, pid: int, posts: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self._posts = posts
        self.mb: float | None = None
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError, IndexError):
            while Served.posts < self._posts:
                time.sleep(0.2)
                kib = self._status.read_text().split("VmHWM:")[1].split()[0]
                self.mb = int(kib) * 1024 / 1e6


@click.command()
@click.option("--lines", default=1_000_000, show_default=True)
@click.option("--line-bytes", default=4000, show_default=True)
@click.option("--seconds", default=0.0, show_default=True, help="0: to the end.")
@click.option("--prices", is_flag=True, help="With prices: estimate the file beside the run.")
@click.option("--directory", type=click.Path(path_type=Path), help="Where there is room.")
def main(
    lines: int, line_bytes: int, seconds: float, directory: Path | None, *, prices: bool
) -> None:
    """Measure a run of a large job file."""
    with tempfile.TemporaryDirectory(dir=directory) as folder, serving() as url:
        here = Path(folder)
        write_jobs(here / "jobs.jsonl", lines, line_bytes)
        (here / "prices.toml").write_text(PRICES, encoding="utf-8")
        size_mb = (here / "jobs.jsonl").stat().st_size / 1e6
        words = [sys.executable, "-m", "headrace", "run", "jobs.jsonl", "--base-url", url]
        words += ["--rpm", "none", "--tpm", "none", "--json"]
        words += ["--prices", "prices.toml"] if prices else []
        source = Path(__file__).resolve().parents[1] / "src"
        environment = {**os.environ, "PYTHONPATH": str(source), "HEADRACE_API_KEY": "sk-benchmark"}
        began_s = time.monotonic()
        with subprocess.Popen(
            words, cwd=here, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as run:
            before_summary = Peak(run.pid, lines)
            if seconds:
                time.sleep(seconds)
                os.kill(run.pid, signal.SIGINT)  # of a run that has ended, too: it is still there
            assert run.stderr is not None
            said = run.stderr.read().decode()
            # wait4, and not wait: it brings what this child used, and no other's.
            _, status, used = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        took_s = time.monotonic() - began_s
    if Served.first_post_s is None:
        raise click.ClickException(f"nothing was sent: {said.strip()}")
    first_s = Served.first_post_s - began_s
    peak_mb = used.ru_maxrss * 1024 / 1e6
    click.echo(f"job file               {lines:,} lines, {size_mb:,.0f} MB")
    click.echo(f"first request          {first_s:.2f} s after the start (at most 1)")
    if before_summary.mb is not None:
        click.echo(f"peak memory, the jobs  {before_summary.mb:,.0f} MB")
    click.echo(f"peak memory, with the summary at the end  {peak_mb:,.0f} MB (under {PEAK_MB})")
    click.echo(f"requests               {Served.posts:,} in {took_s:,.1f} s, exit {run.returncode}")
    met = judged(
        f"job file of {lines:,} lines",
        f"{peak_mb:,.0f} MB at most, first request after {first_s:.2f} s",
        f"{PEAK_MB} MB, {FIRST_REQUEST_S:g} s",
        met=first_s <= FIRST_REQUEST_S and peak_mb < PEAK_MB,
    )
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
