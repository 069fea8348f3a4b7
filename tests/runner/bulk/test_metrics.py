"""What a bulk run shows to Prometheus."""

from decimal import Decimal
from typing import Any

import trio
from trio.testing import MockClock

from headrace.jobs import ModelLimits, Price, PriceTable
from headrace.runner.bulk.metrics import run_figures
from tests.runner.conftest import chat_line

PRICES = PriceTable(
    currency="CNY",
    models={name: Price(input=Decimal(100), output=Decimal(100)) for name in ("m", "other")},
)


async def test_every_figure_is_that_of_the_run_as_it_is(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """At 26 s: 5 are answered, the sixth was refused a second ago: the lane cools down."""
    service.answer = lambda seen: (
        service.error(429, retry_after="30") if seen.number == 6 else service.fine(delay_s=0.5)
    )
    bench.write(*(chat_line(f"j-{n}", max_tokens=100) for n in range(20)), b"nonsense")
    seen: list[dict[str, Any]] = []

    async def look(progress: Any) -> None:
        figures = run_figures(progress)
        await trio.sleep(26.0)
        seen.append({each.name: each.values for each in figures()})

    limits = {"other": ModelLimits(rpm=10, tpm=None)}
    await bench.run(
        service, rpm=12, model_limits=limits, prices=PRICES, max_cost=Decimal(2), watch=look
    )
    values = {name: [value for _, value in rows] for name, rows in seen[0].items()}
    assert values["jobs_done"] == [5]
    assert values["jobs_failed"] == [0]
    assert values["jobs_rejected"] == [1]
    assert values["jobs_in_flight"] == [0]
    assert values["jobs_waiting"] == [15]
    assert values["requests_sent"] == [6, 0]
    assert values["tokens"] == [50, 0]
    assert values["cool_down_seconds"] == [29.0, 0.0]
    assert values["outage_seconds"] == [0.0, 0.0]
    assert values["spent"] == [0.005]
    assert values["kept"] == [0.0]
    assert values["reserved"] == [0.0]
    assert values["ceiling"] == [2.0]
    assert values["budget_left_seconds"] == [1.995 / 0.005 * 26]
    assert seen[0]["tokens"] == [({"model": ""}, 50), ({"model": "other"}, 0)]
    assert seen[0]["ceiling"][0][0] == {"currency": "CNY", "whose": "--max-cost"}


async def test_without_prices_there_is_no_money_and_an_outage_is_told(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(500) if trio.current_time() < 60 else service.fine()
    bench.write_chats(40)
    seen: list[dict[str, Any]] = []

    async def look(progress: Any) -> None:
        figures = run_figures(progress)
        await trio.sleep(30.0)
        seen.append({each.name: each.values for each in figures()})

    await bench.run(service, watch=look, attempts=50)
    assert "spent" not in seen[0]
    assert 0 < seen[0]["outage_seconds"][0][1] <= 30.0


async def test_of_several_workers_the_figures_are_those_of_all(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """One is refused, and all wait."""
    service.answer = lambda seen: (
        service.error(429, retry_after="30") if seen.number == 20 else service.fine(delay_s=0.5)
    )
    bench.write_chats(60)
    seen: list[dict[str, Any]] = []

    async def look(progress: Any) -> None:
        figures = run_figures(progress)
        await trio.sleep(26.0)
        seen.append({each.name: each.values for each in figures()})

    ran = await bench.run(service, workers=2, concurrency=4, watch=look)
    assert ran.outcome.succeeded == 60
    values = {name: [value for _, value in rows] for name, rows in seen[0].items()}
    sent = len([at_s for at_s in service.post_times_s if at_s < 26.0])
    assert 20 <= sent < 30
    assert values["requests_sent"] == [sent]
    assert values["tokens"] == [10 * (sent - 1)]
    assert values["cool_downs"] == [1]
    assert 0 < values["cool_down_seconds"][0] < 30
    assert values["jobs_waiting"] == [60 - sent + 1]
