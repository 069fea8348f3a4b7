"""The command as a process of its own, and a gateway beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from click.testing import CliRunner

from headrace.runner.main import main

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE")}


class Served(NamedTuple):
    """A gateway process: where, its key, and what it saw."""

    url: str
    key: str
    log: Path

    @property
    def posts(self) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [row for row in rows if row["method"] == "POST"]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "headrace", *words]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts gateways on free ports; ends those that it started."""
    started: list[subprocess.Popen[str]] = []

    def start(*flags: str) -> Served:
        log = tmp_path / f"gateway-{len(started)}.log"
        words = command("gateway", "--port", "0", "--log", str(log), *flags)
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=CLEAN, cwd=ROOT
        )
        started.append(process)
        assert process.stdout is not None
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        return Served(said["HEADRACE_BASE_URL"], said["HEADRACE_API_KEY"], log)

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=10)


class Headrace:
    """Runs the command in a directory of its own, as a user's shell would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {**CLEAN, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}

    def use(self, served: Served) -> None:
        self.environment |= {"HEADRACE_BASE_URL": served.url, "HEADRACE_API_KEY": served.key}

    def write(self, *lines: bytes, name: str = "jobs.jsonl") -> None:
        (self.path / name).write_bytes(b"".join(line + b"\n" for line in lines))

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words),
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.path,
            env=self.environment,
            check=False,
            **options,
        )

    def inside(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same in this process: enough, and sooner, where nothing is sent."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.path)
            done = CliRunner().invoke(main, list(words), env=self.environment, prog_name="headrace")
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.path,
            env=self.environment,
        )

    def table(self, name: str, run: str = "jobs.run") -> pl.DataFrame:
        return pl.read_parquet(self.path / run / name / "*.parquet")


@pytest.fixture
def headrace(tmp_path: Path) -> Headrace:
    return Headrace(tmp_path)


def job(custom_id: str, content: str = "hello", **fields: Any) -> bytes:
    messages = [{"role": "user", "content": content}]
    body = {"model": "deepseek-v4-flash", "messages": messages, "max_tokens": 20, **fields}
    return json.dumps(
        {"custom_id": custom_id, "url": "/v1/chat/completions", "body": body}
    ).encode()


def jobs(count: int) -> list[bytes]:
    return [job(f"job-{n}", f"question {n}") for n in range(count)]


def wait_for_posts(served: Served, count: int) -> None:
    """Until the gateway has answered so many; bounded by the test's own patience."""
    ready = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "end = time.monotonic() + 30\n"
            "while time.monotonic() < end:\n"
            "    if open(sys.argv[1]).read().count('POST') >= int(sys.argv[2]): sys.exit(0)\n"
            "    time.sleep(0.02)\n"
            "sys.exit(1)",
            str(served.log),
            str(count),
        ],
        check=False,
    )
    assert ready.returncode == 0
