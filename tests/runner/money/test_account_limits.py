"""What the balance and the key's budgets allow, held from the first request on; in virtual time."""

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.jobs import Forecaster, InputError, Job, Price, PriceTable, Reject
from headrace.jobs.files.reader import PARSED_LINES
from headrace.runner import RunSettings, Secret, Stop, run_jobs
from headrace.runner.errors import InterruptError

ONE = Decimal(1_000_000)
PRICES = PriceTable(currency="CNY", models={"m": Price(input=ONE, output=ONE)})


def holding(service: Any, balance: str, *, currency: str = "CNY", **key: Any) -> None:
    body = {"object": "balance", "currency": currency, "balance": balance, "api_key": key}
    service.balance = lambda: service.fine()._replace(body=json.dumps(body).encode())


async def test_the_balance_is_a_ceiling_from_the_first_request_on(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The bound of a job is 219, and 10 is what it costs: with 250 there, four of them fit."""
    holding(service, "250")
    bench.write_chats(5, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, concurrency=1)
    assert len(service.posts) == 4
    assert ran.outcome.exit_code == 3
    assert ran.outcome.reason == (
        "the next job may cost up to 219 CNY, and with 40 spent that goes beyond the balance, "
        "which had 250 CNY left at the start; top up or give --yes, and run the same command "
        "again to resume"
    )


async def test_the_least_of_balance_and_budgets_counts_and_says_until_when(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    holding(
        service,
        "1000",
        daily_remaining="230",
        daily_reset_at="2026-06-10T00:00:00+08:00",
        monthly_remaining="500",
    )
    bench.write_chats(5, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, concurrency=1)
    assert len(service.posts) == 2
    assert "the key's daily budget, which had 230 CNY left" in (ran.outcome.reason or "")
    assert "wait until 2026-06-10T00:00:00+08:00 or give --yes" in (ran.outcome.reason or "")


async def test_an_earlier_session_s_cost_is_not_counted_twice(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """What was spent before is gone from the balance already."""
    holding(service, "219")
    bench.write_chats(2, max_tokens=50)
    first = await bench.run(service, prices=PRICES, concurrency=1)
    assert (first.outcome.exit_code, len(service.posts)) == (3, 1)
    second = await bench.run(service, prices=PRICES, concurrency=1)
    assert (second.outcome.exit_code, second.outcome.cost) == (0, 20)


async def test_a_file_that_costs_more_than_is_there_stops_the_run_early(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Found beside the run: the first request is not held up, and the rest stays unsent."""
    holding(service, "3000")
    bench.write_chats(500, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, rpm=60)
    assert service.post_times_s[0] == 0.0
    assert len(service.posts) < 5
    assert ran.outcome.exit_code == 3
    assert "the 500 jobs that are left will cost at least about" in (ran.outcome.reason or "")
    assert "give --yes" in (ran.outcome.reason or "")


async def test_yes_lifts_both(bench: Any, service: Any, autojump_clock: MockClock) -> None:
    holding(service, "3")
    bench.write_chats(50, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, yes=True)
    assert (ran.outcome.exit_code, len(service.posts)) == (0, 50)


@pytest.mark.parametrize(
    ("currency", "words"),
    [("USD", ["Warning: the prices are in CNY and the account is in USD"]), ("", []), ("CNY", [])],
)
async def test_another_currency_holds_nothing_back_and_is_told_at_the_start(
    bench: Any, service: Any, autojump_clock: MockClock, currency: str, words: list[str]
) -> None:
    said: list[str] = []

    def announce(line: str) -> None:
        assert service.posts == []
        said.append(line.partition(":")[0] + ":" + line.split(":")[1])

    holding(service, "1" if currency != "CNY" else "1000", currency=currency)
    bench.write_chats(5, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, announce=announce)
    assert (ran.outcome.exit_code, len(service.posts)) == (0, 5)
    assert said == words


async def test_a_job_without_a_bound_runs_under_the_implied_ceiling(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    holding(service, "1000")
    bench.write_chats(3)
    ran = await bench.run(service, prices=PRICES)
    assert (ran.outcome.exit_code, ran.rejects) == (0, [])


@pytest.mark.slow
async def test_estimate_first_reads_everything_before_anything_is_sent(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    holding(service, "3000")
    bench.write_chats(500, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, estimate_first=True)
    assert (ran.outcome.exit_code, service.posts) == (3, [])
    again = await bench.run(service, prices=PRICES, estimate_first=True, yes=True)
    assert (again.outcome.exit_code, len(service.posts)) == (0, 500)


async def test_a_stop_cuts_the_estimate_short(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C was not heeded before the last line of the file was read."""
    stop = Stop(30.0)
    batches: list[int] = []
    add_up = Forecaster.add

    def add(forecaster: Forecaster, items: Iterable[Job | Reject]) -> None:
        batch = list(items)
        batches.append(len(batch))
        add_up(forecaster, batch)
        if len(batches) == 2:
            stop.request(InterruptError("interrupted"))

    monkeypatch.setattr(Forecaster, "add", add)
    holding(service, "3000")
    bench.write_chats(10 * PARSED_LINES, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, estimate_first=True, stop=stop)
    assert (ran.outcome.exit_code, service.posts) == (130, [])
    # What is shown was added up whole; what the ceiling is held against was cut short.
    assert batches == [10 * PARSED_LINES, PARSED_LINES]


async def test_estimate_first_refuses_standard_input(tmp_path: Path) -> None:
    told = RunSettings(base_url="http://gateway.test", key=Secret("k"), estimate_first=True)
    with pytest.raises(InputError, match="which standard input can't be"):
        await run_jobs("-", tmp_path / "out", told)
