"""Real workers over loopback: one of them killed, and their coordinator killed alone."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import trio

import headrace
from headrace.reports import summarise
from headrace.runner import Secret, worker_command
from headrace.runner.errors import WorkerError
from headrace.runner.local_gateway import GatewayProcess, local_gateway
from headrace.runner.workers import LinkLostError, WorkerProcesses
from tests.runner.conftest import chat_line


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
    return sorted(each for each, line in lines.items() if b"headrace.runner.worker_main" in line)


def wait_for(path: Path, count: int) -> None:
    """Wait until so many workers have begun to write there."""
    until_s = time.monotonic() + 60
    while len([each for each in path.glob("w0*.jsonl") if each.stat().st_size]) < count:
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_worker_is_missed_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "load.run"

    def stop_the_first_and_kill_the_second() -> None:
        """The first for a while: it is not taken for lost."""
        wait_for(out / "journal", 2)
        first, second = workers_of(os.getpid())
        os.kill(first, signal.SIGSTOP)
        os.kill(second, signal.SIGKILL)
        time.sleep(0.3)
        os.kill(first, signal.SIGCONT)

    limits = ("--rpm", "none", "--tpm", "none")
    with local_gateway("--ttft", "5ms", "--itl", "1ms", *limits) as gateway:
        monkeypatch.setenv("HEADRACE_API_KEY", gateway.key)
        killer = threading.Thread(target=stop_the_first_and_kill_the_second)
        killer.start()
        outcome = headrace.load(
            base_url=gateway.base_url,
            rate="40/s",
            requests=120,
            output_tokens="8",
            workers=2,
            out=out,
        )
        killer.join()
    assert outcome.exit_code == 6
    load = summarise(out).load
    assert load is not None
    assert [each.lost_s is None for each in load.facts.workers] == [True, False]
    assert "worker 2 of 2 was lost at" in load.verdict.why[0]
    rows = pl.read_parquet(out / "attempts" / "*.parquet")
    assert rows.filter(pl.col("index") % 2 == 0).height == 60
    assert not (out / "journal").exists()


def run_command(jobs: Path) -> list[str]:
    headrace = [sys.executable, "-P", "-m", "headrace", "run", str(jobs)]
    return [*headrace, "--rpm", "none", "--tpm", "none", "--concurrency", "6", "--workers", "2"]


@pytest.mark.slow
def test_after_the_coordinator_alone_was_killed_the_same_command_waits_and_goes_on(
    tmp_path: Path,
) -> None:
    """Its workers finish what is in flight; nothing of it is lost, and nothing is sent twice."""
    jobs, log = tmp_path / "jobs.jsonl", tmp_path / "gateway.log"
    lines = [
        chat_line(f"job-{n}", f"q {n}", model="deepseek-v4-flash", max_tokens=4) for n in range(12)
    ]
    jobs.write_bytes(b"".join(line + b"\n" for line in lines))
    limits = ("--rpm", "none", "--tpm", "none", "--log", str(log))
    with local_gateway("--ttft", "6s", "--itl", "1ms", *limits) as gateway:
        given = environment(gateway)
        with subprocess.Popen(run_command(jobs), env=given, stderr=subprocess.DEVNULL) as running:
            wait_for(
                tmp_path / "jobs.run" / "journal", 1
            )  # the first that is ready takes all slots
            running.kill()
        again = subprocess.run(run_command(jobs), env=given, capture_output=True, check=False)
        assert again.returncode == 0, again.stderr
        assert b"Waiting for 2 workers of a run of" in again.stderr
    rows = pl.read_parquet(tmp_path / "jobs.run" / "results" / "*.parquet").sort("index")
    assert rows["index"].to_list() == list(range(12))
    attempts = pl.read_parquet(tmp_path / "jobs.run" / "attempts" / "*.parquet")
    assert attempts["error_kind"].null_count() == attempts.height == 12
    posts = [line for line in log.read_text().splitlines() if "/v1/chat/completions" in line]
    assert len(posts) == 12


def wait_until_nobody_holds(directory: Path) -> None:
    """Wait until the last worker of a run is gone."""
    lock = os.open(directory, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.close(lock)


@pytest.mark.slow
def test_after_the_coordinator_of_a_load_run_was_killed_what_was_in_flight_is_recorded(
    tmp_path: Path,
) -> None:
    out, log = tmp_path / "load.run", tmp_path / "gateway.log"
    limits = ("--rpm", "none", "--tpm", "none", "--log", str(log))
    command = [sys.executable, "-P", "-m", "headrace", "load", "--workers", "2", "--out", str(out)]
    command += ["--rate", "20/s", "--duration", "60s", "--output-tokens", "4"]
    with local_gateway("--ttft", "400ms", "--itl", "1ms", *limits) as gateway:
        given = {**environment(gateway), "HEADRACE_MODEL": "deepseek-v4-flash"}
        with subprocess.Popen(command, env=given, stderr=subprocess.DEVNULL) as running:
            wait_for(out / "journal", 2)
            running.kill()
        wait_until_nobody_holds(out)
    summary = summarise(out)
    posts = [line for line in log.read_text().splitlines() if "/v1/chat/completions" in line]
    assert summary.load is not None
    assert summary.load.verdict.verdict != "valid"
    assert summary.outcome.succeeded == len(posts) > 0


# Stands in for a worker: it says whether it has the key, and ends when its link does.
STAND_IN = (
    "import os, socket, sys; link = socket.socket(fileno=int(sys.argv[1])); "
    "held = socket.recv_fds(link, 1, 4); "
    "link.sendall(os.environ['HEADRACE_API_KEY'].encode()); link.recv(1)"
)


async def test_workers_have_the_key_and_the_lock_and_end_with_their_links(tmp_path: Path) -> None:
    lock = os.open(tmp_path, os.O_RDONLY)
    command = (sys.executable, "-S", "-c", STAND_IN)
    async with WorkerProcesses(Secret("sk-of-the-tests"), lock, command=command)(2) as ends:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.close(lock)
        other = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):  # they hold it on
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for end in ends:
            with pytest.raises(LinkLostError):  # a key is not a message
                await end.link.receive()
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    assert len(ends) == 2


async def test_workers_that_were_started_before_are_taken_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold the lock from then on, as any; one that nobody takes is ended."""
    command = (sys.executable, "-S", "-c", STAND_IN)
    monkeypatch.setattr(worker_command, "WORKER_COMMAND", command)
    monkeypatch.setenv("HEADRACE_API_KEY", "sk-of-the-tests")
    lock = os.open(tmp_path, os.O_RDONLY)
    none = (str(tmp_path / "none"),)
    with worker_command.started_early(3) as early:
        pids = [each.process.pid for each in early]
        opened = WorkerProcesses(Secret("sk-of-the-tests"), lock, command=none, early=early)
        async with opened(2) as ends:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.close(lock)
            for end in ends:
                with pytest.raises(LinkLostError):  # it has been handed the lock, and says the key
                    await end.link.receive()
            other = os.open(tmp_path, os.O_RDONLY)
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert [each.process.pid for each in early] == pids[2:]
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    assert early[0].process.returncode == -signal.SIGKILL


def test_where_none_can_be_started_early_it_is_for_whoever_misses_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_command, "WORKER_COMMAND", ("/no/such/program",))
    with worker_command.started_early(2) as early:
        assert early == []


def test_workers_that_took_all_descriptors_are_ended_for_whoever_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Regression: what was left was too little for trio, whose traceback was all that was told."""
    sleeps = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
    monkeypatch.setattr(worker_command, "WORKER_COMMAND", sleeps)
    begun: list[worker_command.StartedWorker] = []
    start = worker_command.start_worker

    def start_two(*given: Any) -> worker_command.StartedWorker:
        if len(begun) == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        begun.append(start(*given))
        return begun[-1]

    monkeypatch.setattr(worker_command, "start_worker", start_two)
    with worker_command.started_early(3) as early:
        assert early == []
        assert [each.process.returncode for each in begun] == [-signal.SIGKILL] * 2
        assert [each.link.fileno() for each in begun] == [-1, -1]


async def test_a_worker_that_does_not_end_is_killed(tmp_path: Path) -> None:
    lock = os.open(tmp_path, os.O_RDONLY)
    command = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
    opened = WorkerProcesses(Secret("sk-of-the-tests"), lock, command=command, ends_within_s=0.05)
    with trio.fail_after(60):
        async with opened(1) as ends:
            await ends[0].gone()
            with pytest.raises(LinkLostError):
                await ends[0].link.receive()
    os.close(lock)
    assert len(ends) == 1


async def test_a_bulk_run_whose_workers_can_t_be_started_stops_with_that_line(
    bench: Any, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: it came out of a nursery, as a traceback."""
    opened = WorkerProcesses(Secret("sk-of-the-tests"), 0, command=("/no/such/program",))
    monkeypatch.setattr("tests.runner.conftest.in_this_loop", lambda *_given, **_rest: opened)
    bench.write_chats(3)
    ran = await bench.run(service, workers=2)
    assert ran.outcome.exit_code == 1
    assert "2 workers can't be started (No such file or directory)" in ran.outcome.reason


async def test_a_system_that_starts_no_process_is_one_line(tmp_path: Path) -> None:
    lock = os.open(tmp_path, os.O_RDONLY)
    opened = WorkerProcesses(Secret("sk-of-the-tests"), lock, command=(str(tmp_path / "none"),))
    with pytest.raises(WorkerError, match=r"3 workers can't be started \(No such file"):
        async with opened(3):
            raise AssertionError
    os.close(lock)
    assert await trio.Path(tmp_path).exists()
