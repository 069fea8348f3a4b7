"""What several services may spend: each by its account, and all together by --max-cost."""

import json
import random
import shutil
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import SegmentName, Sent
from headrace.reports import summarise
from headrace.runner import Stop
from headrace.runner.money import Budget, Ceiling, ServiceBudget, max_cost_ceiling
from headrace.runner.record import Totals
from headrace.runner.record.journal import Journal
from headrace.runner.record.recovery import UNUSED
from tests.runner.conftest import BEGAN, Bench, Reply, Service, chat_line
from tests.runner.money.test_account_watch import Book
from tests.runner.money.test_budget import bound_of
from tests.runner.money.test_money_promise import Ledger, interrupt_after
from tests.runner.three_services import run_services, table

pytestmark = pytest.mark.usefixtures("no_sync")

# A token costs one, on the only model.
ONE_EACH = 'currency = "CNY"\n[models.m]\ninput = 1000000\noutput = 1000000\n'


@pytest.fixture
def one_each(tmp_path: Path) -> str:
    path = tmp_path / "one.toml"
    path.write_text(ONE_EACH)
    return str(path)


@pytest.fixture
def run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Any:
    services = {name: Service() for name in "ab"}
    bench.services = services  # type: ignore[attr-defined]
    return partial(run_services, bench, services, monkeypatch=monkeypatch)


def two(prices: str) -> Iterator[dict[str, Any]]:
    return (table(name, weight=1, prices=prices) for name in "ab")


async def test_the_ceiling_of_the_user_is_over_all_services(
    run: Any, bench: Any, one_each: str, autojump_clock: MockClock
) -> None:
    """An answer costs 10 and may cost its bound: together they leave as long as that fits."""
    bound = bound_of(chat_line("job-0", "question 0", max_tokens=50))
    bench.write_chats(10, max_tokens=50)
    cap = Decimal(bound + 35)
    ran = await run(*two(one_each), max_cost=cap, concurrency=1)
    assert (ran.outcome.exit_code, ran.outcome.cost) == (3, 40)
    assert ran.outcome.reason == (
        f"the next job may cost up to {bound} CNY, and with 40 spent that goes beyond --max-cost "
        f"{bound + 35} CNY; raise --max-cost, and run the same command again to resume"
    )
    assert "stopped_services" not in ran.manifest["sessions"][-1]
    again = await run(*two(one_each), max_cost=Decimal(bound + 90))
    assert (again.outcome.exit_code, again.outcome.cost) == (0, 100)


async def test_room_is_what_both_the_account_and_the_ceiling_over_all_leave() -> None:
    all_totals, own = Totals(UNUSED), Totals(UNUSED)
    shared = Budget(all_totals, currency="CNY", ceiling=max_cost_ceiling(Decimal(100), "CNY"))
    budget = ServiceBudget(own, currency="CNY", shared=shared)
    all_totals.spent, own.spent = Decimal(70), Decimal(20)
    assert budget.room == 30
    assert budget.own_ceilings == []
    assert (budget.tightest, shared.tightest) == (shared.ceiling, shared.ceiling)
    budget.set_account_ceilings([Ceiling("the balance", "the balance", Decimal(45), "top up")])
    assert budget.room == 25
    assert budget.has_room(Decimal(25))
    assert not budget.has_room(Decimal(26))
    budget.reserve(Decimal(20))
    assert budget.room == 5
    assert shared.room == 10


@pytest.mark.parametrize("failing", ["a", "b"])
async def test_room_under_the_ceiling_over_all_is_asked_of_the_account_that_keeps_it(
    run: Any, bench: Any, one_each: str, autojump_clock: MockClock, failing: str
) -> None:
    """Once the account says that a failed attempt was not billed, the next job fits."""
    for name, service in bench.services.items():
        book = Book(service)

        def answer(
            seen: Any, service: Service = service, book: Book = book, name: str = name
        ) -> Any:
            failed = name == failing and seen.number == 1
            return service.error(500) if failed else book.bill(service.fine())

        service.answer = answer
    bound = bound_of(chat_line("job-0", "question 0", max_tokens=50))
    bench.write_chats(4, max_tokens=50)
    ran = await run(*two(one_each), max_cost=Decimal(bound + 35), concurrency=1)
    assert (ran.outcome.exit_code, ran.outcome.cost) == (0, 40)
    released = ran.readings.filter(pl.col("released") > 0)
    assert released.select("service", "released").rows() == [(failing, bound)]


async def test_an_account_that_is_nearly_empty_stops_its_service_alone_also_when_resumed(
    run: Any, bench: Any, one_each: str, autojump_clock: MockClock
) -> None:
    """An answer costs 100, and may cost about 200."""
    books = {name: Book(service) for name, service in bench.services.items()}
    books["a"].has = Decimal(450)
    for name, service in bench.services.items():
        service.answer = lambda _seen, book=books[name]: book.bill(
            Service.fine(input_tokens=50, output_tokens=50), 100
        )
    bench.write_chats(20, max_tokens=50)
    ran = await run(*two(one_each), concurrency=1)
    assert (ran.outcome.exit_code, len(bench.services["a"].posts)) == (3, 3)
    assert "the balance, which had" in ran.manifest["sessions"][-1]["stopped_services"]["a"]
    done_by_b = len(bench.services["b"].posts)
    assert ran.outcome.succeeded == 3 + done_by_b
    assert 9 <= done_by_b <= 11
    books["a"].has += 100  # on top of what is left, which its own 300 are not taken from again
    again = await run(*two(one_each), concurrency=1)
    assert (again.outcome.exit_code, len(bench.services["a"].posts)) == (3, 4)
    rows = again.readings.group_by("service", "moment").agg(pl.col("spent").max())
    last = {row["service"]: row["spent"] for row in rows.to_dicts() if row["moment"] == "after"}
    assert last == {"a": 400, "b": done_by_b * 100}


async def test_what_is_kept_for_a_lost_attempt_is_kept_by_its_service(
    run: Any, bench: Any, one_each: str, autojump_clock: MockClock
) -> None:
    """As kill -9 leaves it: a record of sending and no end. Its account has not been billed, so it
    lets go of what it kept; the other, which shows nothing, keeps its own."""
    Book(bench.services["a"])
    bench.write(*(chat_line(f"job-{n}", "x", max_tokens=50) for n in range(2)))
    for service in bench.services.values():
        service.refusing = True
    await run(*two(one_each))  # makes the directory
    for service in bench.services.values():
        service.refusing = False
    (bench.directory / "journal").mkdir()
    journal = Journal(bench.directory / "journal", SegmentName(1))
    for index, name in enumerate("ab"):
        sent = Sent(
            index=index,
            custom_id=f"job-{index}",
            model="m",
            url="/v1/chat/completions",
            attempt=1,
            due_at=BEGAN,
            sent_at=BEGAN,
            service=name,
            cost_bound=Decimal(1000),
        )
        journal.append(sent)
    journal.close()
    ran = await run(*two(one_each), max_cost=Decimal(2100))
    lost = ran.attempts.filter(pl.col("error_kind") == "lost")
    assert lost["service"].to_list() == ["a", "b"]
    first = ran.readings.filter(pl.col("moment") == "before").sort("service")
    assert first["kept"].to_list() == [1000, 1000]


def billing(service: Service, book: Book, reply: Reply, amount: int) -> None:
    """Have each answer be this one, and billed with so much at once."""
    service.answer = lambda _seen: book.bill(reply, amount)


@pytest.fixture
def three(bench: Any, monkeypatch: pytest.MonkeyPatch, one_each: str) -> Any:
    """Run 40 jobs of each of three services, which bill each answer with 10 at once."""
    bench.services = services = {name: Service() for name in "abc"}
    bench.books = {name: Book(service) for name, service in services.items()}
    for name, service in services.items():
        billing(service, bench.books[name], Service.fine(), 10)
    bench.write_chats(120, max_tokens=50)
    tables = [table(name, weight=1, prices=one_each, rpm=30) for name in "abc"]
    return partial(run_services, bench, services, *tables, monkeypatch=monkeypatch)


@pytest.mark.slow
async def test_other_traffic_on_one_key_stops_that_service_alone_and_yes_none(
    three: Any, bench: Any, autojump_clock: MockClock
) -> None:
    book = bench.books["b"]
    billing(bench.services["b"], book, Service.fine(), 10 + 500)
    ran = await three()
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (3, 80 + book.own // 510)
    assert book.own < 40 * 510
    stopped = ran.manifest["sessions"][-1]["stopped_services"]
    assert list(stopped) == ["b"]
    assert "something is billed that this run knows nothing of" in stopped["b"]
    again = await three(yes=True)
    assert (again.outcome.exit_code, again.outcome.succeeded) == (0, 120)


@pytest.mark.slow
async def test_an_answer_above_its_bound_stops_all_services_under_max_cost_alone(
    three: Any, bench: Any, autojump_clock: MockClock
) -> None:
    """The user's ceiling is over all of them."""
    bench.books["c"].has = Decimal(10**6)
    billing(bench.services["c"], bench.books["c"], Service.fine(output_tokens=5000), 5007)
    ran = await three(max_cost=Decimal(50_000))
    assert ran.outcome.exit_code == 3
    assert "so --max-cost can't be kept" in ran.outcome.reason
    assert "stopped_services" not in ran.manifest["sessions"][-1]
    assert max(len(each.posts) for each in bench.services.values()) <= 2
    again = await three()
    assert (again.outcome.exit_code, again.outcome.succeeded) == (0, 120)


def hang() -> Reply:
    return Service.fine(delay_s=1e6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "balance",
    [
        None,
        lambda: Service.error(500),
        lambda: Service.fine()._replace(body=b"<html>"),
        lambda: Service.fine()._replace(body=b'{"currency": 5, "balance": {}}'),
        hang,
    ],
)
async def test_a_service_without_a_balance_is_checked_by_nobody_and_stops_no_other(
    three: Any, bench: Any, autojump_clock: MockClock, balance: Any
) -> None:
    bench.services["a"].balance = balance
    ran = await three(max_cost=Decimal(50_000))
    assert (ran.outcome.exit_code, ran.outcome.cost) == (0, 1200)
    checks = {each.name: each.balance for each in summarise(ran.directory).by_service}
    assert [each.verdict for each in checks.values()] == ["cannot be checked", "agrees", "agrees"]
    assert summarise(ran.directory).balance.taken is None


@pytest.mark.slow
@pytest.mark.parametrize("estimate_first", [False, True])
async def test_what_one_balance_can_not_pay_is_not_sent_to_it_unless_the_user_says_yes(
    three: Any, bench: Any, autojump_clock: MockClock, estimate_first: bool
) -> None:
    bench.books["b"].has = Decimal(60)  # for no job
    ran = await three(estimate_first=estimate_first)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (3, 80)
    assert len(bench.services["b"].posts) == 0
    assert list(ran.manifest["sessions"][-1]["stopped_services"]) == ["b"]
    again = await three(estimate_first=estimate_first, yes=True)
    assert (again.outcome.exit_code, again.outcome.succeeded) == (0, 120)


def written(ledger: Ledger, folder: Path, name: str) -> str:
    """The prices of a ledger as a file."""
    path = folder / f"{name}.toml"
    path.write_text(
        f'currency = "CNY"\n[models.m]\ninput = {ledger.input:f}\noutput = {ledger.output:f}\n'
        f"[models.p]\nimages = {{ default = {ledger.image:f} }}\n"
    )
    return str(path)


def in_flight_excess(ledgers: list[Ledger]) -> Decimal:
    """The most that answers in flight together, of all services, were billed beyond bounds."""
    bills = [bill for ledger in ledgers for bill in ledger.bills]
    return max(
        (
            sum(
                (
                    other.beyond
                    for other in bills
                    if other.came_s <= each.ended_s and other.ended_s >= each.came_s
                ),
                Decimal(0),
            )
            for each in bills
        ),
        default=Decimal(0),
    )


@pytest.mark.slow
@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10**6), honest=st.booleans(), share=st.floats(0.01, 3.0))
async def test_the_bills_of_three_services_together_stay_below_the_ceiling(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    seed: int,
    honest: bool,
    share: float,
) -> None:
    """Over random prices, faults and lies, in up to three sessions, some of them broken off."""
    shutil.rmtree(bench.directory, ignore_errors=True)
    rng = random.Random(seed)
    services = {name: Service() for name in "abc"}
    ledgers = {
        name: Ledger(service, bench, seed + number, honest=honest)
        for number, (name, service) in enumerate(services.items())
    }
    tables = [
        table(
            name,
            "m",
            "p",
            weight=rng.choice([1, 2, 5]),
            prices=written(ledger, bench.path, name),
        )
        for name, ledger in ledgers.items()
    ]
    dearest = max(ledgers.values(), key=lambda each: each.output)
    each = (200 * dearest.input + 200 * dearest.output) / 1_000_000 + dearest.image
    cap = (each * Decimal(share) * 3).quantize(Decimal("1e-9")) + Decimal("1e-9")
    beyond: list[Decimal] = []
    for _ in range(rng.randint(1, 3)):
        stop = Stop(grace_s=0.0)
        async with trio.open_nursery() as nursery:
            if rng.random() < 0.4:
                nursery.start_soon(interrupt_after, stop, rng.choice([0.2, 2.0, 80.0]))
            ran = await run_services(
                bench,
                services,
                *tables,
                monkeypatch=monkeypatch,
                max_cost=cap,
                attempts=3,
                environment={"stop": stop},
                seed=seed,
            )
            nursery.cancel_scope.cancel()
        used = sum((ledger.used for ledger in ledgers.values()), Decimal(0))
        excess = in_flight_excess([*ledgers.values()])
        beyond.append(max(ran.outcome.cost, used) - cap - excess)
    assert max(beyond) <= 0
    spent = ran.attempts.group_by("service").agg(pl.col("cost").sum())
    last = json.loads((ran.directory / "run.json").read_bytes())["sessions"][-1]
    assert last["state"] in ("finished", "stopped", "interrupted")
    told = ran.readings.sort("read_at").group_by("service").agg(pl.col("spent").last())
    known = {row["service"]: row["spent"] for row in told.to_dicts()}
    assert all(known[row["service"]] <= row["cost"] for row in spent.to_dicts() if row["cost"])
