"""What a machine says of itself, and what it keeps to itself."""

import os
import resource
from importlib.metadata import version
from pathlib import Path

import pytest

from headrace.runner.cluster.machine_facts import facts_here, key_digest, local_ports, usable_cores

KEY = "sk-of-this-machine"


def test_the_facts_are_those_of_this_machine() -> None:
    facts = facts_here(b"nonce", {"HEADRACE_API_KEY": f" {KEY}\n"})
    assert facts["headrace"] == version("headrace")
    assert facts["distributed"] == version("distributed")
    assert facts["cores"] == len(os.sched_getaffinity(0))
    assert facts["open_files"] == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert facts["key_digest"] == key_digest(KEY, b"nonce")
    assert KEY not in str(facts)


@pytest.mark.parametrize("environment", [{}, {"HEADRACE_API_KEY": "  "}])
def test_a_machine_without_a_key_says_so(environment: dict[str, str]) -> None:
    assert facts_here(b"nonce", environment)["key_digest"] is None


def test_a_digest_is_of_one_check_alone() -> None:
    """Else one could be looked up among those of an earlier check, or of keys that leaked."""
    assert key_digest(KEY, b"one") == key_digest(KEY, b"one")
    assert key_digest(KEY, b"one") != key_digest(KEY, b"two")
    assert key_digest(KEY, b"one") != key_digest(KEY + "x", b"one")


def test_no_limit_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, resource.RLIM_INFINITY))
    assert facts_here(b"", {})["open_files"] is None


def test_ports_are_counted_both_ends_included(tmp_path: Path) -> None:
    path = tmp_path / "sys" / "net" / "ipv4" / "ip_local_port_range"
    assert local_ports(tmp_path) is None
    path.parent.mkdir(parents=True)
    path.write_text("32768\t60999\n")
    assert local_ports(tmp_path) == 28_232
    path.write_text("many")
    assert local_ports(tmp_path) is None


def test_a_system_without_affinity_has_all_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert usable_cores() == 12
