"""Charges = fall of the balance = rise of what the keys spent, whatever happens."""

import datetime as dt
import itertools
import os
import sqlite3
from contextlib import closing
from copy import copy
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.gateway import Config, Fault, Gateway, GatewayError, Key, Ledger, LogRow, StateFile
from headrace.gateway.faults import KINDS

if TYPE_CHECKING:
    from tests.gateway.conftest import Client, Connect

# `make fuzz` runs thousands of cases of each.
MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1"))
# Noon in the zone of the budgets.
NOON, NOON_US = dt.datetime(2026, 6, 9, 4, tzinfo=dt.UTC), 1_780_977_600_000_000
DAY_US = 86_400_000_000
AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=12)
KEYS = [Key(secret=f"sk-{name}", id=name, name=name) for name in ("a", "b", "c")]


@settings(max_examples=200 * MORE, deadline=None)
@given(
    opening=AMOUNTS,
    steps=st.lists(st.tuples(st.sampled_from(KEYS), AMOUNTS, st.integers(0, 12)), max_size=30),
)
@pytest.mark.slow
def test_charges_are_the_fall_of_the_balance_and_the_rise_of_what_was_used(
    opening: Decimal, steps: list[tuple[Key, Decimal, int]]
) -> None:
    ledger = Ledger(opening, KEYS)
    now_us, today = NOON_US, NOON.date()
    daily = dict.fromkeys(("a", "b", "c"), Decimal(0))
    monthly = daily
    for number, (key, amount, days) in enumerate(steps):
        now_us, before, today = now_us + days * DAY_US, today, today + dt.timedelta(days)
        if today != before:
            daily = dict.fromkeys(daily, Decimal(0))
        if today.month != before.month:
            monthly = dict.fromkeys(daily, Decimal(0))
        ledger.hold(key, amount)
        ledger.release(key, amount)
        ledger.charge(key, f"req-{number}", amount, now_us)
        daily = daily | {key.id: daily[key.id] + amount}
        monthly = monthly | {key.id: monthly[key.id] + amount}
        for each in KEYS:
            account = ledger.account(each, now_us)
            assert (account.daily_used, account.monthly_used) == (daily[each.id], monthly[each.id])
    total = sum((amount for _, amount, _ in steps), Decimal(0))
    assert sum(ledger.charges.values(), Decimal(0)) == total
    assert opening - ledger.balance == total


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["chat", "stream", "messages", "search", "image", "leave"]),
        st.sampled_from([None, *KINDS]),
        st.sampled_from(["", "+billed", "+free"]),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=8,
)
NUMBERS = itertools.count()


def request(kind: str) -> tuple[str, dict[str, Any]]:
    text = f"question {next(NUMBERS)}"
    if kind == "image":
        return "/v1/images/generations", {"model": "gpt-image-2", "prompt": text}
    path = {"messages": "/v1/messages", "search": "/v1/search/completions"}
    body = {
        "model": "deepseek-v4-flash",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 5,
        "stream": kind in ("stream", "leave"),
    }
    return path.get(kind, "/v1/chat/completions"), body


@pytest.mark.slow
@settings(
    max_examples=100 * MORE,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    requests=REQUESTS,
    balance=st.integers(0, 700_000),
    budget=st.integers(0, 300_000),
    capacity=st.sampled_from([None, 1, 2]),
)
async def test_random_requests_faults_and_budgets_leave_a_ledger_that_adds_up(
    autojump_clock: object,
    client_on: "type[Client]",
    requests: list[tuple[str, str | None, str, int]],
    balance: int,
    budget: int,
    capacity: int | None,
) -> None:
    keys = (
        Key(secret="sk-a", id="a", name="a", daily_budget=Decimal(budget) / 1_000_000),
        Key(secret="sk-b", id="b", name="b", monthly_budget=Decimal(budget) / 1_000_000),
    )
    opening, rows = Decimal(balance) / 1_000_000, list[LogRow]()
    gateway = Gateway(
        Config(keys=keys, balance=opening, itl_s=1.0, fault_header=True, rpm=4, capacity=capacity),
        now=lambda: dt.datetime(2026, 6, 9, 4, tzinfo=dt.UTC),
        # As a log file has them: a row that changes later is too late.
        log=lambda row: rows.append(copy(row)),
    )

    async def ask(kind: str, fault: str | None, way: str, key: int) -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        serving.start_soon(gateway.serve_stream, theirs)
        client = client_on(ours, keys[key].secret)
        if fault is not None:
            client.headers["x-headrace-fault"] = f"{fault}{way}; for=1s"
        try:
            with trio.move_on_after(2.5 if kind == "leave" else float("inf")):
                await client.post(*request(kind))
        except (h11.RemoteProtocolError, trio.BrokenResourceError):
            # The fault that was asked for, or a `refuse`, which closes every connection.
            assert fault is not None or "refuse" in {each[1] for each in requests}
        await client.stream.aclose()

    async with trio.open_nursery() as serving:
        for each in requests:
            serving.start_soon(ask, *each)
    charged = {row.request_id: row.charge for row in rows if row.charge}
    assert gateway.ledger.charges == charged
    total = sum(charged.values(), Decimal(0))
    assert opening - gateway.ledger.balance == total
    by_key = {
        key.id: sum((row.charge for row in rows if row.key == key.id), Decimal(0)) for key in keys
    }
    for key in keys:
        account = gateway.ledger.account(key, gateway.clock.unix_us())
        assert (account.daily_used, account.monthly_used) == (by_key[key.id], by_key[key.id])
        assert account.held == 0
    assert all(
        row.charge == 0
        for row in rows
        if row.error_code in ("FORBIDDEN", "RATE_LIMIT") and row.fault is None
    )
    if opening == 0:
        assert total == 0


def test_a_charge_is_taken_once() -> None:
    ledger = Ledger(Decimal(1), KEYS)
    ledger.charge(KEYS[0], "req-1", Decimal("0.1"), NOON_US)
    with pytest.raises(ValueError, match="req-1 is charged already"):
        ledger.charge(KEYS[0], "req-1", Decimal("0.1"), NOON_US)
    assert ledger.balance == Decimal("0.9")


def test_months_begin_on_their_first_day() -> None:
    ledger = Ledger(Decimal(9), KEYS)
    key = KEYS[0]
    ledger.charge(key, "req-1", Decimal(1), NOON_US)
    # 2026-06-30, then 2026-07-01.
    june = ledger.account(key, NOON_US + 21 * DAY_US)
    assert (june.daily_used, june.monthly_used) == (Decimal(0), Decimal(1))
    july = ledger.account(key, NOON_US + 22 * DAY_US)
    assert (july.daily_used, july.monthly_used) == (Decimal(0), Decimal(0))


def test_the_state_file_continues_where_the_last_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with StateFile(path) as store:
        ledger = Ledger(Decimal("10.000000000001"), KEYS, store=store)
        ledger.charge(KEYS[0], "req-1", Decimal("0.000000000002"), NOON_US)
        ledger.charge(KEYS[1], "req-2", Decimal(3), NOON_US)
    with StateFile(path) as store:
        again = Ledger(Decimal(99), KEYS, store=store)
        assert again.balance == Decimal("6.999999999999")
        assert again.account(KEYS[0], NOON_US).daily_used == Decimal("0.000000000002")
        assert again.account(KEYS[1], NOON_US).monthly_used == 3
        assert again.account(KEYS[1], NOON_US + DAY_US).daily_used == 0
        assert again.account(KEYS[1], NOON_US + DAY_US).monthly_used == 3
        assert again.account(KEYS[2], NOON_US).daily_used == 0


def test_a_state_file_is_used_by_one_at_a_time_and_must_be_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("this is no database, and it is long enough to be told apart from one")
    with pytest.raises(GatewayError, match="cannot use the state file"):
        StateFile(path)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("create table tenant (only integer, money text)", "no such column: balance"),
        ("create table tenant (only integer, balance text)", "'lots' is not an amount"),
        (
            "create table used (key_id text, day text, daily text, monthly text)",
            "'lots' is not a date",
        ),
    ],
)
def test_a_database_of_something_else_is_not_a_state_file(
    found: str, said: str, tmp_path: Path
) -> None:
    # It was a traceback.
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(found)
        values = ("a", "lots", "1", "1")[: found.count(",") + 1]
        base.execute(
            f"insert into {found.split()[2]} values ({', '.join('?' * len(values))})", values
        )
    with (
        StateFile(path) as store,
        pytest.raises(GatewayError, match=f"is not a state file of this gateway: {said}"),
    ):
        Ledger(Decimal(1), KEYS, store=store)


async def test_a_restarted_gateway_owes_what_it_owed(connect: "Connect", tmp_path: Path) -> None:
    image = {"model": "gpt-image-2", "prompt": "a mill"}
    for balance in (99.75, 99.5, 99.25):
        with StateFile(tmp_path / "state.db") as store:
            gateway = Gateway(Config(), store=store)
            client = await connect(gateway)
            await client.post("/v1/images/generations", image)
            shown = await client.balance()
            assert shown["balance"] == balance
            assert shown["api_key"]["daily_used"] == 100 - balance
    assert (shown["balance"], shown["api_key"]["daily_used"]) == (99.25, 0.75)


def test_a_fault_is_billed_as_its_kind_unless_told() -> None:
    assert {kind for kind in KINDS if Fault(kind).is_billed} == {
        "cut-usage",
        "cut-done",
        "stall",
        "trickle",
        "content-type",
        "no-usage",
    }
    assert Fault("500", billed=True).is_billed
    assert not Fault("stall", billed=False).is_billed


async def test_a_ledger_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with StateFile(path) as store:
        ledger = Ledger(Decimal(1), KEYS, store=store)
        ledger.charge(KEYS[0], "req-1", Decimal("0.1"), NOON_US)
        again = Ledger(Decimal(1), KEYS, store=store)
        with pytest.raises(GatewayError, match=r"cannot write the state file .*: UNIQUE"):
            again.charge(KEYS[0], "req-1", Decimal("0.1"), NOON_US)
    with StateFile(path) as store:
        assert store.balance() == Decimal("0.9")
