"""What a user sees while a run goes on."""

import io
from decimal import Decimal
from typing import Any

import trio
from rich.console import Console
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from headrace.runner.bulk.progress import LINE_EVERY_S
from headrace.runner.bulk.screen import display_on

PRICES = PriceTable(currency="CNY", models={"m": Price(input=Decimal(100), output=Decimal(100))})


async def test_without_a_terminal_a_line_comes_every_ten_seconds(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.5)
    bench.write_chats(60)
    console = Console(file=io.StringIO(), width=200)
    await bench.run(service, rpm=120, prices=PRICES, watch=display_on(console))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    # 60 jobs, one each half second: it ends as the third line would come.
    assert len(lines) == 2
    assert LINE_EVERY_S == 10.0
    # At 10 s: two a second from 0.0 on, each answered half a second later.
    assert lines[0] == (
        "20 done, 0 failed, 0 rejected, 1 in flight, 21/120 requests, 200 tokens in the last "
        "minute, 0.02 CNY, about 20s left"
    )


async def test_a_terminal_shows_the_state_that_holds_the_run_up(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(429, retry_after="30") if seen.number == 2 else service.fine()
    )
    bench.write_chats(3)
    console = Console(file=io.StringIO(), width=100, force_terminal=True, height=20)
    await bench.run(service, concurrency=1, watch=display_on(console))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "cooling down for 30s" in text
    assert "cost unknown: no --prices" in text
    assert "1 done" in text


async def test_the_display_costs_no_time_of_the_run(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(5)
    console = Console(file=io.StringIO(), force_terminal=True)
    await bench.run(service, watch=display_on(console))
    assert trio.current_time() == 0.0
