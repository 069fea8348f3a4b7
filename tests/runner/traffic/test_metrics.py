"""What a load run shows to Prometheus."""

from typing import Any

import trio
from trio.testing import MockClock

from headrace.runner.traffic.metrics import load_figures


async def test_a_load_run_shows_what_it_has_come_to(
    traffic: Any, autojump_clock: MockClock
) -> None:
    """Ten per second for 4 s, each answered after 1 s; two slots hold 20 back at 2.05 s."""
    seen: list[dict[str, Any]] = []

    async def look(progress: Any) -> None:
        figures = load_figures(progress)
        await trio.sleep(2.05)
        seen.append({each.name: each.values for each in figures()})

    gateway = traffic.gateway(ttft_s=1.0, itl_s=0.0)
    await traffic.on(gateway, rate="10/s", duration_s=4.0, concurrency=2, watch=look)
    values = {name: [value for _, value in rows] for name, rows in seen[0].items()}
    assert values["jobs_done"] == [3]
    assert values["jobs_in_flight"] == [2]
    assert values["requests_sent"] == [5]
    assert values["behind_seconds"][0] > 1.0
    assert values["output_tokens"][0] > 0
    assert values["errors"] == []
    assert values["tokens"][0] > values["output_tokens"][0]
