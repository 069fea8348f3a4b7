"""How many connections this process may hold, and what is told of slots."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from headrace.runner import RunSettings, Secret
from headrace.runner.bulk.start import run_and_summarise
from headrace.runner.limits import Concurrency, share_history
from headrace.runner.limits.concurrency import RESERVED_DESCRIPTORS, most_connections
from tests.runner.conftest import Bench, Reply, Seen, Service, chat_line
from tests.runner.three_services import run_services, table

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


async def test_the_history_of_several_services_is_of_all_of_them_at_once(
    autojump_clock: MockClock,
) -> None:
    """It began with the slots of the service that sent first, and its peaks were those of each
    service added up, whenever they were in the second."""
    east, west = Concurrency(None), Concurrency(8)
    share_history([east, west])
    for slots, at_s in [(east, 0.0), (east, 0.1), (west, 0.2)]:
        slots.take(at_s)
        slots.release()
    west.take(0.3)
    east.take(0.4)
    points = [(each.limit, each.in_flight) for each in east.history.samples]
    assert points == [(east.limit + 8, 2)]
    west.set_fixed(4)
    west.history.end(0.5, west.limit)
    assert [each.limit for each in west.history.samples] == [east.limit + 8, east.limit + 4]


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [None, 1000])
async def test_several_services_share_the_connections_that_there_are(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock, concurrency: int
) -> None:
    """Each had all of them: together they ran out of open files, which looked like an outage."""
    monkeypatch.setattr("headrace.runner.limits.concurrency.most_connections", lambda: 20)
    services = {name: Service() for name in "abc"}
    now = peak = 0

    async def answer(_seen: Seen) -> Reply:
        nonlocal now, peak
        now += 1
        peak = max(peak, now)
        await trio.sleep(10)
        now -= 1
        return Service.fine()

    for service in services.values():
        service.answer = answer
    bench.write(*(chat_line(f"job-{n}", f"x {n}", model="abc"[n % 3]) for n in range(60)))
    tables = [table(name, name) for name in "abc"]
    ran = await run_services(
        bench, services, *tables, monkeypatch=monkeypatch, concurrency=concurrency
    )
    assert (ran.outcome.succeeded, peak) == (60, 18)
