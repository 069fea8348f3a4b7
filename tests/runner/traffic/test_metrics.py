"""What a load run shows to Prometheus."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.runner import Secret
from headrace.runner.traffic.metrics import load_figures
from tests.runner.loop_workers import in_this_loop


@pytest.mark.slow
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


@pytest.mark.slow
async def test_of_several_workers_tokens_and_requests_are_those_of_all(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    seen: list[dict[str, Any]] = []

    async def look(progress: Any) -> None:
        figures = load_figures(progress)
        await trio.sleep(3.0)
        seen.append({each.name: each.values for each in figures()})

    out = traffic.path / "two.run"
    opened = in_this_loop(
        lambda: traffic.environment(service.connect), run=out, key=Secret("sk-of-the-tests")
    )
    asked = {"rate": "10/s", "duration_s": 4.0, "watch": look}
    await traffic.over(service.connect, workers=2, open_workers=opened, out=out, **asked)
    values = {name: [value for _, value in rows] for name, rows in seen[0].items()}
    assert 25 <= values["requests_sent"][0] <= 30
    assert values["tokens"][0] % 10 == 0
    assert 0 <= values["requests_sent"][0] - values["tokens"][0] / 10 <= 4  # 0.25 s older
