"""What workers of other machines recorded: it becomes tables here, and what is lost is kept."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from headrace.runner.workers import session

pytestmark = pytest.mark.usefixtures("no_sync")
PRICES = PriceTable(currency="CNY", models={"m": Price(input=Decimal(1), output=Decimal(1000))})


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


async def test_full_segments_become_tables_while_the_run_works_and_go(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SEGMENT_BYTES", 2000)
    service.answer = lambda seen: service.fine(delay_s=0.4)
    bench.write_chats(40)
    found: list[tuple[list[str], list[str], list[str]]] = []

    async def look(_: Any) -> None:
        await trio.sleep(2.5)
        machine = bench.path / "machine-1" / "journal"
        run = bench.directory
        found.append((names(run / "results"), names(run / "journal"), names(machine)))

    ran = await bench.run(service, workers=2, on_machines=True, concurrency=4, watch=look)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 40)
    parts, here, there = found[0]
    assert len(parts) > 4
    # Of each worker that which it writes now, or what is under way; and the coordinator's own.
    assert len(here) <= 5
    assert len(there) <= 3
    assert there[0] > "w01-000001.jsonl"
    assert ran.results["index"].to_list() == list(range(40))
    assert ran.attempts.height == 40
    assert not (ran.directory / "journal").exists()


@pytest.mark.slow
async def test_a_machine_that_is_lost_keeps_its_lease_over_sessions(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of 0.003 CNY each, bounded by 0.0051. What it had in flight is `lost`, and what its
    lease was beyond that is in run.json; both count once."""
    monkeypatch.setattr(session, "SEGMENT_BYTES", 4000)
    service.answer = lambda seen: service.fine(delay_s=0.5, input_tokens=0, output_tokens=3)
    bench.write_chats(60, max_tokens=5)
    asked: dict[str, Any] = {"concurrency": 6, "prices": PRICES, "max_cost": Decimal("0.3")}
    ran = await bench.run(service, workers=2, on_machines=True, kill={2: 2.7}, **asked)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 60)
    lost = ran.attempts.filter(ran.attempts["error_kind"] == "lost")
    assert 1 <= lost.height <= 6
    unrecorded = Decimal(ran.manifest["sessions"][0]["unrecorded"])
    assert unrecorded > 0
    kept = ran.readings["kept"].to_list()[-1]
    assert kept == lost["cost_bound"].sum() + unrecorded
    # Of what it sent last nothing is recorded here: that is within what was kept for it.
    unseen = len(service.posts) - ran.attempts.height
    assert 0 <= unseen * Decimal("0.003") <= unrecorded
    again = await bench.run(service, workers=2, **asked)
    assert again.outcome.succeeded == 60
    assert again.readings["kept"].to_list()[1:] == [kept] * (again.readings.height - 1)


async def test_of_a_worker_that_is_lost_alone_all_is_recorded(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Its machine tells the rest of what it wrote."""
    service.answer = lambda seen: service.fine(delay_s=0.5, input_tokens=0, output_tokens=3)
    bench.write_chats(40, max_tokens=5)
    asked: dict[str, Any] = {"concurrency": 6, "prices": PRICES, "max_cost": Decimal("0.3")}
    kill = {2: 2.7}
    ran = await bench.run(
        service, workers=2, on_machines=True, kill=kill, machines_stay=True, **asked
    )
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 40)
    lost = ran.attempts.filter(ran.attempts["error_kind"] == "lost")
    assert 1 <= lost.height <= 6
    assert ran.attempts.height == len(service.posts)
    assert "unrecorded" not in ran.manifest["sessions"][0]
    assert ran.readings["kept"].to_list()[-1] == lost["cost_bound"].sum()
