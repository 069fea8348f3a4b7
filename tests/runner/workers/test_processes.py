"""Real workers: a load run over loopback, and one of them killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import polars as pl
import pytest

from headrace.jobs import Manifest
from headrace.runner.local_gateway import GatewayProcess, local_gateway


def load_command(out: Path, *flags: str) -> list[str]:
    headrace = [sys.executable, "-P", "-m", "headrace", "load"]
    return [*headrace, "--rate", "40/s", "--workers", "2", "--out", str(out), *flags]


def environment(gateway: GatewayProcess) -> dict[str, str]:
    return {
        **os.environ,
        "HEADRACE_BASE_URL": gateway.base_url,
        "HEADRACE_API_KEY": gateway.key,
    }


def workers_of(pid: int) -> list[int]:
    """The workers that a process has started, in the order of their numbers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    lines = {int(each): Path(f"/proc/{each}/cmdline").read_bytes() for each in children}
    return sorted(each for each, line in lines.items() if b"headrace.runner.worker" in line)


def wait_for(path: Path, count: int) -> None:
    """Wait until so many workers have begun to write there."""
    until_s = time.monotonic() + 60
    while len([each for each in path.glob("w0*.jsonl") if each.stat().st_size]) < count:
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_worker_is_missed_and_the_others_go_on(tmp_path: Path) -> None:
    out = tmp_path / "load.run"
    with local_gateway(
        "--ttft", "5ms", "--itl", "1ms", "--rpm", "none", "--tpm", "none"
    ) as gateway:
        command = load_command(out, "--requests", "120", "--output-tokens", "8")
        with subprocess.Popen(
            command, env=environment(gateway), stderr=subprocess.PIPE, stdout=subprocess.PIPE
        ) as running:
            wait_for(out / "journal", 2)
            os.kill(workers_of(running.pid)[1], signal.SIGKILL)
            said, _ = running.communicate()
    assert running.returncode == 6, said
    assert b"worker 2 of 2 was lost at" in said
    manifest = msgspec.json.decode((out / "run.json").read_bytes(), type=Manifest)
    assert manifest.load is not None
    assert [each.lost_s is None for each in manifest.load.workers] == [True, False]
    rows = pl.read_parquet(out / "attempts" / "*.parquet")
    assert rows.filter(pl.col("index") % 2 == 0).height == 60
    assert not (out / "journal").exists()
