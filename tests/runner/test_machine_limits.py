"""What this machine has, where the system says it and where not."""

import os
from pathlib import Path

import pytest

from headrace.runner.machine_limits import cores_for_workers, ephemeral_ports, usable_cores


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
    assert cores_for_workers() == 11
