"""The balance check on whole runs in virtual time, held against the gateway's own ledger."""

import datetime as dt
import random
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import trio
from trio.testing import MockClock

from headrace import gateway
from headrace.gateway import Gateway, Key
from headrace.jobs import Price, PriceTable
from headrace.reports import BalanceCheck, summarise
from headrace.runner import Stop
from headrace.runner.errors import InterruptError
from tests.reports.three_gateways import show_balance
from tests.runner.conftest import BEGAN, KEY, Bench, Ran, chat_line
from tests.runner.three_services import OfGateway, run_services, table

MODEL = "deepseek-v4-flash"
PRICES = PriceTable(
    currency="CNY",
    models={MODEL: Price(input=Decimal(1), cached_input=Decimal("0.02"), output=Decimal(2))},
)
OURS = Key(secret="sk-ours", id="1", name="ours", daily_budget=Decimal(50))
THEIRS = Key(secret="sk-theirs", id="2", name="theirs")
FREE = Key(secret="sk-free", id="3", name="without a budget")
MIDNIGHT = dt.datetime(2026, 6, 9, 16, tzinfo=dt.UTC)  # +08:00, as the gateway counts days


def write(bench: Bench, count: int) -> None:
    bench.write_chats(count, model=MODEL, max_tokens=60)


def charged(at_gateway: Gateway, key: Key = OURS) -> Decimal:
    """What the gateway took for one key's requests, by its log."""
    return sum((row.charge for row in at_gateway.log_rows if row.key == key.id), Decimal(0))


def check(ran: Ran) -> BalanceCheck:
    return summarise(ran.directory).balance


async def meanwhile(bench: Bench, at_s: float, do: Any) -> None:
    """Have something happen at the gateway in the middle of a run."""

    async def later() -> None:
        await trio.sleep_until(at_s)
        do()

    bench.nursery.start_soon(later)


async def test_a_run_alone_on_the_account_agrees(bench: Bench, autojump_clock: MockClock) -> None:
    at_gateway = bench.gateway(keys=(OURS,))
    write(bench, 12)
    found = check(await bench.run_on(at_gateway, prices=PRICES, rpm=60))
    assert (found.verdict, found.why) == ("agrees", [])
    assert found.computed == found.fall == found.daily_rise == charged(at_gateway) > 0


async def test_other_keys_at_work_are_told_from_what_ours_used(
    bench: Bench, autojump_clock: MockClock
) -> None:
    at_gateway = bench.gateway(keys=(OURS, THEIRS))
    write(bench, 12)

    def spend() -> None:
        now_us = at_gateway.clock.unix_us()
        at_gateway.ledger.charge(THEIRS, "req-theirs", Decimal("1.5"), now_us)

    await meanwhile(bench, trio.current_time() + 5, spend)
    found = check(await bench.run_on(at_gateway, prices=PRICES, rpm=60))
    assert (found.verdict, found.elsewhere) == ("agrees", Decimal("1.5"))
    assert found.computed == charged(at_gateway)
    assert found.fall == charged(at_gateway) + Decimal("1.5")
    assert found.why == [
        "the balance fell by 1.5 more than the key used: other keys of the account were at work"
    ]


async def test_a_top_up_in_the_middle_of_the_run_is_told(
    bench: Bench, autojump_clock: MockClock
) -> None:
    at_gateway = bench.gateway(keys=(OURS,))
    write(bench, 12)

    def top_up() -> None:
        at_gateway.ledger.balance += 100

    await meanwhile(bench, trio.current_time() + 5, top_up)
    found = check(await bench.run_on(at_gateway, prices=PRICES, rpm=60))
    assert (found.verdict, found.topped_up, found.computed) == (
        "agrees",
        Decimal(100),
        charged(at_gateway),
    )


async def test_without_a_budget_a_top_up_leaves_nothing_to_check(
    bench: Bench, autojump_clock: MockClock
) -> None:
    at_gateway = bench.gateway(keys=(FREE,))
    write(bench, 12)

    def top_up() -> None:
        at_gateway.ledger.balance += 100

    await meanwhile(bench, trio.current_time() + 5, top_up)
    found = check(await bench.run_on(at_gateway, prices=PRICES, rpm=60))
    assert (found.verdict, found.computed) == ("cannot be checked", charged(at_gateway, FREE))


async def test_a_run_over_midnight_is_checked_by_the_fall_of_the_balance(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The day's use begins anew ten seconds into the run."""
    at_gateway = bench.gateway(keys=(OURS,))
    write(bench, 20)
    await trio.sleep((MIDNIGHT - BEGAN).total_seconds() - 10)
    ran = await bench.run_on(at_gateway, prices=PRICES, rpm=60)
    first, *_, last = ran.readings.select("daily_reset_at", "daily_used").rows()
    assert first[0] < last[0]
    found = check(ran)
    assert (found.verdict, found.daily_rise) == ("agrees", None)
    assert found.computed == found.fall == charged(at_gateway)
    assert last[1] < found.computed
    assert found.why == ["the key's daily use was reset during the run"]


async def test_over_midnight_the_months_use_tells_other_keys_apart(
    bench: Bench, autojump_clock: MockClock
) -> None:
    ours = Key(
        secret="sk-ours", id="1", name="o", daily_budget=Decimal(50), monthly_budget=Decimal(90)
    )
    at_gateway = bench.gateway(keys=(ours, THEIRS))
    write(bench, 20)
    await trio.sleep((MIDNIGHT - BEGAN).total_seconds() - 10)

    def spend() -> None:
        now_us = at_gateway.clock.unix_us()
        at_gateway.ledger.charge(THEIRS, "req-theirs", Decimal("0.7"), now_us)

    await meanwhile(bench, trio.current_time() + 5, spend)
    found = check(await bench.run_on(at_gateway, prices=PRICES, rpm=60))
    assert (found.verdict, found.daily_rise, found.elsewhere) == ("agrees", None, Decimal("0.7"))
    assert found.monthly_rise == found.computed == charged(at_gateway)


async def test_a_run_resumed_on_the_next_day_leaves_the_night_out(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """In the night the account is topped up, the same key spends, and its day begins anew."""
    at_gateway = bench.gateway(keys=(OURS,))
    write(bench, 30)
    stop = Stop(30.0)

    async def evening() -> None:
        await trio.sleep(8)
        stop.request(InterruptError("in the evening"))

    bench.nursery.start_soon(evening)
    ran = await bench.run_on(at_gateway, prices=PRICES, rpm=60, stop=stop)
    assert 0 < ran.outcome.finished < 30
    await trio.sleep(86_400)
    at_gateway.ledger.balance += 40
    at_gateway.ledger.charge(OURS, "req-night", Decimal("0.25"), at_gateway.clock.unix_us())
    ran = await bench.run_on(at_gateway, prices=PRICES, rpm=60)
    assert ran.outcome.succeeded == 30
    found = check(ran)
    assert (found.verdict, found.computed) == ("agrees", charged(at_gateway))
    assert found.daily_rise == found.fall == charged(at_gateway)
    assert found.why == ["between two sessions the balance rose by 39.75, which is not counted"]


async def test_failures_that_were_billed_are_the_difference_and_are_named(
    bench: Bench, autojump_clock: MockClock
) -> None:
    at_gateway = bench.gateway(keys=(OURS,), faults=gateway.parse_faults("500+billed=0.3"), seed=3)
    write(bench, 20)
    found = check(await bench.run_on(at_gateway, prices=PRICES, rpm=60, attempts=20))
    billed = [row for row in at_gateway.log_rows if row.fault and row.charge]
    extra = sum((row.charge for row in billed), Decimal(0))
    assert extra > 0
    assert (found.verdict, found.difference) == ("differs", extra)
    assert found.suspect_counts == {"failed answer": len(billed)}
    # The retry of the same body was billed the same, but for what the cache took off.
    assert {each.request_id for each in found.suspects} == {row.request_id for row in billed}
    amounts = [each.estimate for each in found.suspects]
    assert amounts == sorted(amounts, key=lambda each: each or 0, reverse=True)
    total = sum((each or Decimal(0) for each in amounts), Decimal(0))
    assert found.suspect_estimates == {"failed answer": total}


async def test_a_model_without_a_price_is_named_with_what_the_account_says_beyond(
    bench: Bench, autojump_clock: MockClock
) -> None:
    other = PriceTable(currency="CNY", models={"another": Price(input=Decimal(1))})
    at_gateway = bench.gateway(keys=(OURS,))
    write(bench, 5)
    found = check(await bench.run_on(at_gateway, prices=other))
    assert (found.verdict, found.computed, found.fall) == (
        "cannot be checked",
        None,
        charged(at_gateway),
    )
    assert found.why == [
        f"no price is known for {MODEL}",
        f"the account says {found.fall:f} more than the others' cost: what these cost, where "
        "nothing else was at work",
    ]


async def test_charges_that_come_late_are_waited_for(
    bench: Bench, service: Any, autojump_clock: MockClock
) -> None:
    """Each answer is booked three seconds after it was given."""
    booked: list[float] = []

    def answer(_seen: Any) -> Any:
        booked.append(trio.current_time() + 3)
        return service.fine(input_tokens=1_000, output_tokens=500)  # 0.002 by the prices

    def balance() -> Any:
        spent = Decimal("0.002") * sum(trio.current_time() >= moment for moment in booked)
        body = f'{{"currency": "CNY", "balance": {Decimal("10.000") - spent}}}'
        return service.fine()._replace(body=body.encode())

    service.answer, service.balance = answer, balance
    bench.write(*(chat_line(f"job-{n}", model=MODEL) for n in range(4)))
    found = check(await bench.run_over(service.connect, KEY, prices=PRICES))
    assert (found.verdict, found.computed, found.fall) == (
        "agrees",
        Decimal("0.008"),
        Decimal("0.008"),
    )


# -- three services, each with an account of its own


class Kind(NamedTuple):
    """Of one of three services: how many decimals its account shows (None for all), when it is
    topped up, and how late it books a charge."""

    places: int | None
    top_up_s: float | None = None
    late_s: float = 0.0


def book_late(served: OfGateway, late_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a gateway book each charge so many seconds after it is due."""
    ledger = served.gateway.ledger
    at_once = ledger.charge

    async def later(*charge: Any) -> None:
        await trio.sleep(late_s)
        at_once(*charge)

    def charge(*charge: Any) -> None:
        assert served.nursery is not None
        served.nursery.start_soon(later, *charge)

    monkeypatch.setattr(ledger, "charge", charge)


@pytest.mark.slow
@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("seed", range(2))
async def test_three_accounts_agree_to_the_last_digit_that_each_shows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock, seed: int
) -> None:
    """Over midnight, with a top-up at one, late charges at another, and random prices."""
    rng = random.Random(seed)
    kinds = [
        Kind(rng.choice([None, 12, 6])),
        Kind(rng.choice([4, 2]), top_up_s=5.0),
        Kind(rng.choice([None, 6, 4]), late_s=3.0),
    ]
    rng.shuffle(kinds)
    services, tables = dict[str, OfGateway](), list[dict[str, Any]]()
    await trio.sleep((MIDNIGHT - BEGAN).total_seconds() - 10)
    async with trio.open_nursery() as nursery:
        for number, (name, kind) in enumerate(zip("abc", kinds, strict=True)):
            given, made = (Decimal(rng.randrange(1, 10**9)).scaleb(-6) for _ in range(2))
            table_of = gateway.PriceTable(
                models={MODEL: gateway.ModelPrice(input=given, output=made)}
            )
            key = Key(
                secret=f"{name * 9}-sk-{seed}", id="1", name=name, daily_budget=Decimal(10**6)
            )
            at_gateway = bench.gateway(
                keys=(key,), seed=number, prices=table_of, rpm=None, balance=Decimal(10**6)
            )
            services[name] = served = OfGateway(at_gateway)
            show_balance(served, kind.places)
            if kind.late_s:
                book_late(served, kind.late_s, monkeypatch)
            if kind.top_up_s is not None:
                nursery.start_soon(top_up_after, served, kind.top_up_s)
            prices = bench.path / f"{name}.toml"
            prices.write_text(
                f'currency = "CNY"\n[models."{MODEL}"]\ninput = {given:f}\noutput = {made:f}\n'
            )
            tables.append(table(name, MODEL, rpm=60, weight=1, prices=str(prices)))
        write(bench, 60)
        ran = await run_services(bench, services, *tables, monkeypatch=monkeypatch)
    assert ran.outcome.succeeded == 60
    summary = summarise(ran.directory)
    took = {name: charged(each.gateway, each.gateway.keys[0]) for name, each in services.items()}
    for each, kind in zip(summary.by_service, kinds, strict=True):
        found = each.balance
        assert found.computed == took[each.name] > 0
        if kind.top_up_s is None:
            unit = Decimal(1).scaleb(-(kind.places or 12))
            assert found.verdict in ("agrees", "too small to tell"), (found, kind)
            assert found.fall is not None
            assert abs(found.fall - took[each.name]) <= (0 if kind.places in (None, 12) else unit)
        assert "the key's daily use was reset during the run" in found.why
    assert summary.balance.computed == sum(took.values()) == ran.outcome.cost


async def top_up_after(served: OfGateway, seconds: float) -> None:
    await trio.sleep(seconds)
    served.gateway.ledger.balance += 100
