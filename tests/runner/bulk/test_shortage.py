"""Money that will run out is announced with the time; in virtual time."""

import datetime as dt
import io
import json
import shutil
from decimal import Decimal
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from headrace.runner.bulk.screen import display_on
from headrace.runner.bulk.shortage import Shortage, announcement, show_shortage
from headrace.runner.money.budget import Ceiling
from tests.runner.conftest import Bench, Reply, Service

pytestmark = pytest.mark.usefixtures("no_sync")

ONE = Decimal(1_000_000)
PRICES = PriceTable(currency="CNY", models={"m": Price(input=ONE, output=ONE)})
RESET = "2026-06-10T00:00:00+08:00"


def holding(service: Service, balance: str, **key: Any) -> None:
    body = {"object": "balance", "currency": "CNY", "balance": balance, "api_key": key}
    service.balance = lambda: Reply(200, json.dumps(body).encode())


def dear(service: Service, cost: int = 100) -> None:
    """Each answer costs this much, three times what the forecast is sure of."""
    service.answer = lambda seen: service.fine(input_tokens=60, output_tokens=cost - 60)


@pytest.mark.slow
async def test_a_daily_budget_that_will_run_out_is_announced_with_the_time(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """One job a second for 100 each: 20,000 last 200 s, and the file would take 25,000."""
    holding(service, "1000000", daily_remaining="20000", daily_reset_at=RESET)
    dear(service)
    bench.write_chats(250, max_tokens=50)
    said: list[tuple[float, str]] = []

    def announce(words: str) -> None:
        said.append((trio.current_time(), words))

    ran = await bench.run(service, prices=PRICES, rpm=60, announce=announce)
    # It began at 08:30:20 UTC; the pace is one of sixty seconds.
    assert said == [
        (
            60.0,
            "At this pace the key's daily budget will be spent at about 16:33 (+08:00), before "
            f"the file is done; it resets at {RESET}.",
        )
    ]
    assert ran.outcome.exit_code == 3
    assert len(service.posts) in (198, 199)  # the last must fit with its bound
    last = ran.attempts["sent_at"].max()
    assert isinstance(last, dt.datetime)
    assert last.strftime("%H:%M") == "08:33"


async def test_what_lasts_for_the_file_is_not_announced(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    holding(service, "10100", daily_remaining="10100", daily_reset_at=RESET)
    dear(service)
    bench.write_chats(100, max_tokens=50)
    said: list[str] = []
    ran = await bench.run(service, prices=PRICES, rpm=60, announce=said.append, yes=True)
    assert (ran.outcome.exit_code, said) == (0, [])


@pytest.mark.slow
async def test_a_budget_that_resets_before_it_runs_out_is_not_announced(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """It would last 200 s and starts anew after 100: what was left before holds no more then."""
    soon = bench.began + dt.timedelta(seconds=100)

    def balance() -> Reply:
        now = bench.began + dt.timedelta(seconds=trio.current_time())
        fresh = now >= soon
        key = {
            "daily_remaining": "60000" if fresh else "20000",
            "daily_reset_at": (soon + dt.timedelta(days=fresh)).isoformat(),
        }
        body = {"object": "balance", "currency": "CNY", "balance": "1000000", "api_key": key}
        return Reply(200, json.dumps(body).encode())

    service.balance = balance
    dear(service)
    bench.write_chats(250, max_tokens=50)
    said: list[str] = []
    ran = await bench.run(service, prices=PRICES, rpm=60, announce=said.append)
    assert (ran.outcome.exit_code, len(service.posts), said) == (0, 250, [])
    # Two seconds after the reset: clocks differ.
    read = ran.readings.filter(ran.readings["read_at"] == soon + dt.timedelta(seconds=2))
    assert read["moment"].to_list() == ["during"]
    assert read["spent"].to_list() == [10200]


@pytest.mark.slow
async def test_a_reset_that_comes_late_is_looked_for_each_minute(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """The gateway's clock is a minute behind ours."""
    soon = bench.began + dt.timedelta(seconds=100)

    def balance() -> Reply:
        fresh = trio.current_time() >= 160
        key = {
            "daily_remaining": "60000" if fresh else "20000",
            "daily_reset_at": (soon + dt.timedelta(days=fresh)).isoformat(),
        }
        body = {"object": "balance", "currency": "CNY", "balance": "1000000", "api_key": key}
        return Reply(200, json.dumps(body).encode())

    service.balance = balance
    dear(service)
    bench.write_chats(250, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, rpm=60)
    assert (ran.outcome.exit_code, len(service.posts)) == (0, 250)
    # Two seconds after it, and each minute from then on, beside what is read at each tenth spent.
    assert {0.0, 102.0, 162.0} <= {seen.at_s for seen in service.gets}
    assert 222.0 not in {seen.at_s for seen in service.gets}


@pytest.mark.slow
@pytest.mark.parametrize("yes", [False, True])
async def test_the_balance_and_max_cost_are_announced_too(
    bench: Bench, service: Service, autojump_clock: MockClock, *, yes: bool
) -> None:
    holding(service, "20000" if yes else "1000000")
    dear(service)
    bench.write_chats(250, max_tokens=50)
    said: list[str] = []
    cap = None if yes else Decimal(20000)
    ran = await bench.run(
        service, prices=PRICES, rpm=60, announce=said.append, yes=yes, max_cost=cap
    )
    at = (bench.began + dt.timedelta(seconds=200)).astimezone()
    whose = "the balance" if yes else "--max-cost"
    offset = at.isoformat()[-6:]
    # A run that doesn't heed the balance still hears of it.
    assert said == [
        f"At this pace {whose} will be spent at about {at:%H:%M} ({offset}), before the file is "
        "done."
    ]
    assert ran.outcome.exit_code == (0 if yes else 3)


@pytest.mark.slow
async def test_the_display_has_it_as_long_as_it_holds(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    holding(service, "1000000", daily_remaining="20000", daily_reset_at=RESET)
    dear(service)
    bench.write_chats(250, max_tokens=50)
    console = Console(file=io.StringIO(), width=400)
    await bench.run(service, prices=PRICES, rpm=60, watch=display_on(console))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    words = ", the key's daily budget will be spent at about 16:33 (+08:00)"
    assert not any(words in line for line in lines[:5])
    # At 60 s either of the two may look first.
    assert [line.endswith(words) for line in lines[6:9]] == [True] * 3


def test_another_day_is_named_and_the_reset_s_zone_is_used() -> None:
    now = dt.datetime(2026, 6, 9, 15, 50, tzinfo=dt.UTC)  # 23:50 at +08:00
    resets_at = dt.datetime.fromisoformat("2026-07-01T00:00:00+08:00")
    ceiling = Ceiling("the key's monthly budget", "", Decimal(1), "", resets_at)
    shortage = Shortage(ceiling, now + dt.timedelta(minutes=20))
    shown = show_shortage(shortage, now)
    assert shown == "the key's monthly budget will be spent at about 2026-06-10 00:10 (+08:00)"
    assert announcement(shortage, now).endswith("; it resets at 2026-07-01T00:00:00+08:00.")


@pytest.mark.slow
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    left=st.integers(8_000, 40_000),
    cost=st.integers(60, 140),
    rpm=st.sampled_from([60, 120, 600]),
)
async def test_what_is_announced_comes_to_pass(
    bench: Bench, service: Service, autojump_clock: MockClock, left: int, cost: int, rpm: int
) -> None:
    """At an even pace and price: the run stops for it in that minute, or the file was enough."""
    shutil.rmtree(bench.directory, ignore_errors=True)
    service.posts.clear()
    began_s = trio.current_time()
    holding(service, "1000000", daily_remaining=str(left), daily_reset_at=RESET)
    dear(service, cost)
    bench.write_chats(300, max_tokens=80)
    said: list[str] = []
    ran = await bench.run(service, prices=PRICES, rpm=rpm, announce=said.append)
    stopped = ran.outcome.exit_code == 3
    assert stopped == (300 * cost > left - 300 and len(ran.results) < 300)
    ended_s = trio.current_time() - began_s
    if said and stopped:
        # The last bound may not fit, though its cost would have: up to 250 before the end.
        runs_out_s = left / cost * 60 / rpm
        at = bench.began + dt.timedelta(seconds=began_s + runs_out_s)
        at = at.astimezone(dt.timezone(dt.timedelta(hours=8)))
        minutes = {(at + dt.timedelta(seconds=each)).strftime("%H:%M") for each in (-5, 0, 5)}
        assert any(f"at about {each} (+08:00)" in said[0] for each in minutes)
    if stopped and ended_s > 70:
        assert len(said) == 1
