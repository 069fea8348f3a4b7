"""What this machine has, where the system says it and where not."""

import os
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from headrace.jobs import InputError
from headrace.runner import machine_limits, run_jobs, worker_command
from headrace.runner.machine_limits import (
    check_memory_for,
    cores_for_workers,
    ephemeral_ports,
    free_memory_bytes,
    usable_cores,
)
from headrace.runner.main import main
from headrace.runner.secret import Secret
from headrace.runner.settings import RunSettings


def test_ports_are_counted_both_ends_included(tmp_path: Path) -> None:
    path = tmp_path / "sys" / "net" / "ipv4" / "ip_local_port_range"
    assert ephemeral_ports(tmp_path) is None
    path.parent.mkdir(parents=True)
    path.write_text("32768\t60999\n")
    assert ephemeral_ports(tmp_path) == 28_232
    path.write_text("many")
    assert ephemeral_ports(tmp_path) is None


def test_a_system_without_affinity_has_all_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert len(usable_cores()) == 12
    monkeypatch.setattr(machine_limits, "free_memory_bytes", lambda: None)
    assert cores_for_workers() == 11


def test_free_memory_is_what_the_system_and_a_container_leave(tmp_path: Path) -> None:
    assert free_memory_bytes(tmp_path, tmp_path) is None
    (tmp_path / "meminfo").write_text("MemTotal:  9000 kB\nMemAvailable:    4000 kB\n")
    assert free_memory_bytes(tmp_path, tmp_path) == 4000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert free_memory_bytes(tmp_path, tmp_path) == 4000 * 1024
    (tmp_path / "memory.max").write_text("51000\n")
    assert free_memory_bytes(tmp_path, tmp_path) == 50_000
    (tmp_path / "memory.current").write_text("60000\n")
    assert free_memory_bytes(tmp_path, tmp_path) == 0


def test_no_more_workers_begin_than_there_is_memory_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: 100,000 of them filled the memory, and the machine stood still."""
    monkeypatch.setattr(machine_limits, "free_memory_bytes", lambda: 1_000_000_000)
    monkeypatch.setattr(machine_limits, "usable_cores", lambda: frozenset(range(64)))
    check_memory_for(12)
    assert cores_for_workers() == 12
    said = "^13 workers take about 1.0 GB of memory, and 1.0 GB are free; give --workers 12 at most"
    with pytest.raises(InputError, match=said):
        check_memory_for(13)
    monkeypatch.setattr(machine_limits, "free_memory_bytes", lambda: 1)
    check_memory_for(1)
    assert cores_for_workers() == 1
    jobs = tmp_path / "jobs.jsonl"
    jobs.touch()
    settings = RunSettings(base_url="http://x.test", key=Secret("sk-of-the-tests"), workers=2)
    with pytest.raises(InputError, match="give --workers 1 at most"):
        trio.run(run_jobs, str(jobs), tmp_path / "x.run", settings)
    assert not (tmp_path / "x.run").exists()


def test_more_workers_than_fit_are_refused_before_one_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_limits, "free_memory_bytes", lambda: 1_000_000_000)
    monkeypatch.setattr(worker_command, "start_worker", None)
    result = CliRunner().invoke(main, ["run", str(tmp_path / "x.jsonl"), "--workers", "13"])
    assert result.exit_code == 2
    assert "give --workers 12 at most" in result.stderr
