"""The balance check on whole runs in virtual time, held against the gateway's own ledger."""

import datetime as dt
from decimal import Decimal
from typing import Any

import trio
from trio.testing import MockClock

from headrace import gateway
from headrace.gateway import Gateway, Key
from headrace.jobs import Price, PriceTable
from headrace.reports import BalanceCheck, summarise
from headrace.runner import Stop
from headrace.runner.errors import InterruptError
from tests.runner.conftest import BEGAN, KEY, Bench, Ran, chat_line

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
    assert 0 < ran.outcome.settled < 30
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
        None,  # it was 0, which nobody can know
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
