"""Load runs on real dask clusters: processes on this machine, in the clear and over TLS."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
import trustme
from click.testing import CliRunner

import headrace
from headrace import RunOutcome
from headrace.reports import summarise
from headrace.runner.cluster.cli import cluster as cluster_command
from headrace.runner.local_gateway import local_gateway

from .dask_clusters import real_cluster

pytestmark = pytest.mark.slow

GATEWAY = ("--ttft", "150ms", "--itl", "1ms", "--rpm", "none", "--tpm", "none")
ON_LOOPBACK = ("--host", "127.0.0.1", "--protocol", "tls", "--no-dashboard")


def killed_once_it_sends(pid: int, journal: Path, least_bytes: int = 2000) -> threading.Thread:
    """Kill a process once both machines have sent something."""
    looks = threading.Event()

    def work() -> None:
        for _ in range(1200):
            sizes = [path.stat().st_size for path in journal.glob("w0*.jsonl")]
            if len(sizes) == 2 and min(sizes) > least_bytes:
                os.kill(pid, signal.SIGKILL)
                return
            looks.wait(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_machine_that_dies_is_missed_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "load.run"
    with local_gateway(*GATEWAY) as gateway:
        monkeypatch.setenv("HEADRACE_API_KEY", gateway.key)
        with real_cluster(2, processes=True) as dask:
            address = dask.scheduler_address
            killing = killed_once_it_sends(dask.workers[0].process.pid, out / "journal")
            outcome = headrace.load(
                cluster=address,
                base_url=gateway.base_url,
                users=6,
                requests=90,
                prompt_tokens="9",
                output_tokens="4",
                out=out,
            )
            killing.join()
    assert (outcome.exit_code, outcome.reason) == (6, None)
    figures = summarise(out).load
    assert figures is not None
    lost, sent = sorted(figures.facts.workers, key=lambda worker: worker.lost_s is None)
    assert sent.lost_s is None
    assert lost.lost_s is not None
    assert f"machine {lost.where} was lost at {lost.lost_s:.1f} s" in figures.verdict.why
    attempts = pl.read_parquet(out / "attempts" / "*.parquet")
    of_the_lost = pl.col("index") % 6 % 2 == lost.number - 1
    ended = attempts.filter(~of_the_lost)
    assert ended.height == 45
    assert ended["error_kind"].null_count() == 45
    kinds = attempts.filter(of_the_lost)["error_kind"].value_counts()
    assert set(kinds["error_kind"]) == {None, "lost"}
    assert attempts.unique(["index", "attempt"]).height == attempts.height
    assert not (out / "journal").exists()


@contextmanager
def tls_cluster(folder: Path, key: str) -> Iterator[Path]:
    """A scheduler and two workers over TLS, started as people start them; their scheduler file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "own.pem")
    )
    tls = [f"--tls-{name}" for name in ("ca-file", "cert", "key")]
    files = [str(folder / name) for name in ("ca.pem", "own.pem", "own.pem")]
    flags = [word for pair in zip(tls, files, strict=True) for word in pair]
    file = folder / "scheduler.json"
    common = [*ON_LOOPBACK, *flags, "--scheduler-file", str(file)]
    environment = {**os.environ, "HEADRACE_API_KEY": key}
    module = [sys.executable, "-m", "distributed.cli.dask_"]

    def start(kind: str, *more: str) -> "subprocess.Popen[bytes]":
        command = [*module[:2], module[2] + kind, *common, *more]
        with (folder / f"{kind}.log").open("wb") as log:
            return subprocess.Popen(command, env=environment, cwd=folder, stderr=log, stdout=log)

    with start("scheduler", "--port", "0") as scheduler:
        workers = start("worker", "--nworkers", "2", "--nthreads", "1", "--death-timeout", "30")
        with workers:
            try:
                yield file
            finally:
                workers.terminate()
                workers.wait(30)
                scheduler.terminate()


def until_it_has(file: Path, machines: int) -> "list[str]":
    """What the check says, once a cluster has so many machines."""
    looks = threading.Event()
    for _ in range(600):
        if file.exists() and file.stat().st_size:
            said = CliRunner().invoke(cluster_command, ["check", str(file)]).stdout.splitlines()
            if said and said[-1].startswith(f"{machines} machine"):
                return said
        looks.wait(0.1)
    return []


def killed_and_resumed(
    folder: Path, cluster: str, base_url: str, environment: "dict[str, str]"
) -> RunOutcome:
    """A job file on a cluster, whose command is killed once both machines send, and once more."""
    message = {"role": "user", "content": "hello"}
    body = {"model": "deepseek-v4-flash", "max_tokens": 4, "messages": [message]}
    post = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    lines = [json.dumps({"custom_id": f"job-{n}", **post}) for n in range(40)]
    jobs, directory = folder / "jobs.jsonl", folder / "jobs.run"
    jobs.write_text("\n".join(lines))
    words = ["run", str(jobs), "--cluster", cluster, "--base-url", base_url, "--concurrency", "6"]
    command = [sys.executable, "-P", "-m", "headrace", *words, "--rpm", "6000"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=quiet) as running:
        killed_once_it_sends(running.pid, directory / "journal", least_bytes=300).join()
    assert running.returncode == -signal.SIGKILL
    return headrace.run(jobs, cluster=cluster, base_url=base_url, rpm=6000, concurrency=6)


def test_a_cluster_over_tls_is_checked_and_sends_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a run of jobs whose coordinator alone was killed is resumed on the same machines: its
    workers have ended by then, and what was in flight is `lost`."""
    import dask

    out = tmp_path / "load.run"
    with local_gateway(*GATEWAY) as gateway, tls_cluster(tmp_path, gateway.key) as file:
        monkeypatch.setenv("HEADRACE_API_KEY", gateway.key)
        own = str(tmp_path / "own.pem")
        tls = {"ca-file": str(tmp_path / "ca.pem"), "client.cert": own, "client.key": own}
        named = {f"distributed.comm.tls.{name}": value for name, value in tls.items()}
        variables = {
            f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": value
            for name, value in named.items()
        }
        with dask.config.set(named):
            said = until_it_has(file, 2)
            outcome = headrace.load(
                cluster=str(file),
                base_url=gateway.base_url,
                rate="20/s",
                requests=20,
                prompt_tokens="9",
                output_tokens="4",
                out=out,
            )
            ran = killed_and_resumed(tmp_path, str(file), gateway.base_url, variables)
    assert (ran.exit_code, ran.succeeded) == (0, 40)
    results = pl.read_parquet(ran.directory / "results" / "*.parquet")
    assert sorted(results["custom_id"]) == sorted(f"job-{n}" for n in range(40))
    attempts = pl.read_parquet(ran.directory / "attempts" / "*.parquet")
    lost = attempts.filter(pl.col("error_kind") == "lost")
    assert 1 <= lost.height <= 6
    assert attempts.height == 40 + lost.height
    manifest = json.loads((ran.directory / "run.json").read_bytes())
    assert [each.get("state") for each in manifest["sessions"]] == [None, "finished"]
    writers = {path.name[:8] for path in (ran.directory / "attempts").iterdir()}
    assert writers >= {"part-w01", "part-w02"}
    assert said[-1].endswith(": can be used")
    assert outcome.exit_code in (0, 6)  # 6: on a busy machine the client is late
    assert (outcome.reason, outcome.succeeded, outcome.failed) == (None, 20, 0)
    facts = summarise(out).load
    assert facts is not None
    assert len({worker.where for worker in facts.facts.workers}) == 2
