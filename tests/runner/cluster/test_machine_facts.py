"""What a machine says of itself, and what it keeps to itself."""

import os
import resource
from importlib.metadata import version

import pytest

from headrace.runner.cluster.machine_facts import facts_here, key_digest

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
