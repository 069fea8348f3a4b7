"""--wait-for-reset: a spent budget is slept through, in virtual time."""

import datetime as dt
import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from headrace.gateway import Key
from headrace.jobs import InputError, Price, PriceTable
from headrace.runner import RunSettings, Secret, run_jobs
from headrace.runner.money.reset import wait_for_reset
from tests.runner.conftest import BEGAN, Bench

# As the gateway's own price table has it.
PRICES = PriceTable(
    currency="CNY",
    models={
        "deepseek-v4-flash": Price(
            input=Decimal(1), cached_input=Decimal("0.02"), output=Decimal(2)
        )
    },
)
MIDNIGHT = dt.datetime(2026, 6, 9, 16, tzinfo=dt.UTC)  # +08:00


@pytest.mark.slow
async def test_a_spent_budget_is_slept_through_and_the_run_goes_on(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The key may spend 0.0005 a day; the file costs more, and is done on the days after."""
    gateway = bench.gateway(
        keys=(Key(secret="sk-1", id="1", name="k", daily_budget=Decimal("0.0005")),)
    )
    bench.write_chats(12, model="deepseek-v4-flash", max_tokens=60)
    said: list[str] = []
    ran = await bench.run_on(
        gateway, prices=PRICES, concurrency=1, wait_for_reset=True, announce=said.append
    )
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 12)
    assert said[0] == "Waiting 7h 29m, until 2026-06-10T00:00:00+08:00, for the budget's reset."
    days = {(sent + dt.timedelta(hours=8)).date() for sent in ran.attempts["sent_at"]}
    assert len(days) == len(said) + 1 >= 2
    sessions = ran.manifest["sessions"]
    assert [each["state"] for each in sessions] == ["stopped"] * len(said) + ["finished"]
    ended = ran.attempts.filter(ran.attempts["http_status"] == 200)
    assert len(ended) == 12  # nothing was paid for twice


async def test_without_it_the_run_stops_for_money(bench: Bench, autojump_clock: MockClock) -> None:
    gateway = bench.gateway(
        keys=(Key(secret="sk-1", id="1", name="k", daily_budget=Decimal("0.0005")),)
    )
    bench.write_chats(12, model="deepseek-v4-flash", max_tokens=60)
    ran = await bench.run_on(gateway, prices=PRICES, concurrency=1)
    assert ran.outcome.exit_code == 3
    assert ran.outcome.resets_at == MIDNIGHT


async def test_the_wait_heeds_signals(autojump_clock: MockClock) -> None:
    def wall() -> dt.datetime:
        return BEGAN + dt.timedelta(seconds=trio.current_time())

    async with trio.open_nursery() as nursery:

        async def interrupt() -> None:
            await trio.sleep(3600.0)
            os.kill(os.getpid(), signal.SIGTERM)

        nursery.start_soon(interrupt)
        found = await wait_for_reset(MIDNIGHT, wall=wall)
    assert found is not None
    assert found.exit_code == 143
    assert trio.current_time() == 3600.0


async def test_a_wall_clock_that_is_set_is_seen_within_a_minute(autojump_clock: MockClock) -> None:
    """As after a machine's sleep: the wall clock is ahead of the other."""

    def wall() -> dt.datetime:
        slept = dt.timedelta(hours=7) if trio.current_time() > 100 else dt.timedelta()
        return MIDNIGHT - dt.timedelta(hours=7) + dt.timedelta(seconds=trio.current_time()) + slept

    assert await wait_for_reset(MIDNIGHT, wall=wall) is None
    assert trio.current_time() == 120.0


async def test_a_reset_that_helps_nothing_is_waited_for_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """One job may cost more than a day's budget: no number of days lets it leave."""
    gateway = bench.gateway(
        keys=(Key(secret="sk-1", id="1", name="k", daily_budget=Decimal("0.0001")),)
    )
    bench.write_chats(2, model="deepseek-v4-flash", max_tokens=60)
    said: list[str] = []
    ran = await bench.run_on(gateway, prices=PRICES, wait_for_reset=True, announce=said.append)
    assert (ran.outcome.exit_code, len(said), len(ran.attempts)) == (3, 1, 0)


async def test_standard_input_cannot_wait(tmp_path: Path) -> None:
    settings = RunSettings(base_url="http://x.test", key=Secret("k"), wait_for_reset=True)
    with pytest.raises(InputError, match="--wait-for-reset reads the file again"):
        await run_jobs("-", tmp_path / "x.run", settings)
