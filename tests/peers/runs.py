"""`headrace run` against a peer, and what its run directory says, read without the project."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from tests.peers.servers import Served, environment

JOBS = 12
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


class NoRunError(Exception):
    """A run that left no results, and what it said."""


class Ran(NamedTuple):
    """A run that has ended: its exit code, what it said, and its rows."""

    code: int
    said: str
    results: pl.DataFrame
    attempts: pl.DataFrame

    @property
    def succeeded(self) -> int:
        return self.results.filter(pl.col("status") == "succeeded").height

    def summed(self, column: str) -> int:
        return int(self.results[column].sum() or 0)


def body_of(number: int, *, model: str, stream: bool) -> dict[str, Any]:
    return {
        "model": model,
        "max_tokens": 12,
        "stream": stream,
        "messages": [{"role": "user", "content": f"Name a river, other than number {number}."}],
    }


def run(
    folder: Path,
    served: Served,
    *flags: str,
    model: str,
    url: str = CHAT,
    stream: bool = False,
    jobs: int = JOBS,
) -> Ran:
    """Some jobs, of one protocol, streamed or not."""
    folder.mkdir()
    lines: Iterable[dict[str, Any]] = (
        {
            "custom_id": f"job-{number}",
            "url": url,
            "body": body_of(number, model=model, stream=stream),
        }
        for number in range(jobs)
    )
    path = folder / "jobs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    more = {} if served.authority is None else {"SSL_CERT_FILE": str(served.authority)}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "headrace", "run", str(path)),
            *("--rpm", "none", "--tpm", "none", *flags),
        ],
        env=environment(HEADRACE_BASE_URL=served.url, HEADRACE_API_KEY=served.key, **more),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=folder,
    )
    directory, said = folder / "jobs.run", done.stdout + done.stderr
    if not list(directory.glob("results/*.parquet")):
        raise NoRunError(f"exit code {done.returncode}: {said[-300:]}")
    return Ran(
        done.returncode,
        said,
        pl.read_parquet(directory / "results" / "*.parquet"),
        pl.read_parquet(directory / "attempts" / "*.parquet"),
    )
