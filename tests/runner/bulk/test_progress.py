"""What a user sees while a run goes on."""

import io
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import trio
from rich.console import Console
from trio.testing import MockClock

from headrace.jobs import ModelLimits, Price, PriceTable
from headrace.runner.bulk.progress import LINE_EVERY_S, Meter, Progress
from headrace.runner.bulk.screen import display_on
from tests.runner.conftest import chat_line

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


@pytest.mark.slow
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


class Look(NamedTuple):
    """What a display says at a moment, and how many jobs and rejects were done."""

    at_s: float
    done: int
    share: float | None
    eta_s: float | None


RUNS: dict[str, tuple[list[bytes], float, dict[str, Any]]] = {
    # More than what is read ahead: some of it is read, and not yet on its way.
    "more than is read ahead": ([chat_line(f"j-{n}") for n in range(640)], 1.0, {"rpm": 1600}),
    "at a rate, and slow": (
        [chat_line(f"j-{n}") for n in range(80)],
        8.0,
        {"rpm": 100, "concurrency": 90},
    ),
    "in bursts": ([chat_line(f"j-{n}") for n in range(160)], 8.0, {"concurrency": 16}),
    "a third is rejected": (
        [chat_line(f"j-{n}") if n % 3 else b"{" for n in range(120)],
        2.0,
        {"rpm": 100},
    ),
    "half is blank": (
        [line for n in range(80) for line in (chat_line(f"j-{n}"), b"")],
        2.0,
        {"rpm": 100},
    ),
    "a slow lane": (
        [chat_line(f"j-{n}", model="m" if n % 3 else "slow") for n in range(150)],
        2.0,
        {"rpm": 300, "model_limits": {"slow": ModelLimits(rpm=50, tpm=None)}},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
async def test_share_and_time_left_are_right_on_small_files(
    bench: Any, service: Any, autojump_clock: MockClock, name: str
) -> None:
    lines, delay_s, settings = RUNS[name]
    looks: list[Look] = []

    async def watch(progress: Progress) -> None:
        meter = Meter()
        while True:
            view = meter.look(progress)
            done = view.done + view.failed + view.rejected
            looks.append(Look(trio.current_time(), done, view.share, view.eta_s))
            await trio.sleep(1.0)

    service.answer = lambda seen: service.fine(delay_s=delay_s)
    bench.write(*lines)
    await bench.run(service, watch=watch, **settings)
    items = sum(1 for line in lines if line)
    end_s = trio.current_time()
    shares = [(look.share, look.done / items) for look in looks if look.share is not None]
    assert len(shares) > 10
    assert max(abs(share - truth) for share, truth in shares) < 0.01
    # Past the first quarter, and as long as anything much is left.
    late = [look for look in looks if 0.25 < look.at_s / end_s < 0.9]
    assert all(look.eta_s is not None for look in late)
    off = [abs((look.eta_s or 0.0) / (end_s - look.at_s) - 1) for look in late]
    assert max(off) < 0.3
    assert sum(off) / len(off) < 0.15
