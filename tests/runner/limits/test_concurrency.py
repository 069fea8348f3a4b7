"""How many connections this process may hold."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.runner import RunSettings, Secret
from headrace.runner.bulk.start import run_and_summarise
from headrace.runner.limits.concurrency import RESERVED_DESCRIPTORS, most_connections
from tests.runner.conftest import chat_line

SOFT = 300


@pytest.fixture
def few_files() -> Iterator[None]:
    """A soft limit on open files that is far below the hard one."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_run_has_the_connections_that_the_hard_limit_leaves(
    tmp_path: Path, few_files: None
) -> None:
    """5,000 streams at once go beyond the usual soft limit; the program around has its own back."""
    (tmp_path / "jobs.jsonl").write_bytes(chat_line("a"))
    told = RunSettings(base_url="unix:/nowhere", key=Secret("k"), estimate_first=True)
    found: list[int] = []
    outcome, _ = run_and_summarise(
        str(tmp_path / "jobs.jsonl"),
        tmp_path / "jobs.run",
        told,
        show_estimate=lambda _: found.append(most_connections()),
    )
    assert outcome.exit_code == 2  # nobody is there
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert found == [hard - RESERVED_DESCRIPTORS]
    assert most_connections() == SOFT - RESERVED_DESCRIPTORS
