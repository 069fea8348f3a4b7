"""What the server has done, as Prometheus reads it."""

from collections.abc import Callable
from typing import Any

import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

from headrace.gateway import Gateway

CHAT = "/v1/chat/completions"


def asking(**fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "how are you"}]
    return {"model": "deepseek-v4-flash", "messages": messages, "max_tokens": 20, **fields}


def read(page: bytes) -> dict[str, float]:
    return {
        sample.name.removeprefix("headrace_gateway_")
        + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


async def test_the_page_tells_what_was_answered_without_a_key(
    gateway_of: Callable[..., Gateway], connect: Any, autojump_clock: MockClock
) -> None:
    gateway = gateway_of(rpm=3)
    client = await connect(gateway)
    answer = (await client.post(CHAT, asking(max_tokens=20))).json
    await client.post(CHAT, asking(stream=True))
    await client.post(CHAT, asking(n=0))
    await client.post(CHAT, asking())
    await client.post(CHAT, asking())
    client.headers.pop("authorization")
    response = await client.request("GET", "/metrics")
    found = read(response.body)
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert found["requests_total{200}"] == 3
    assert found["requests_total{429}"] == 1
    assert found["num_requests_running"] == 0
    assert found["prompt_tokens_total"] == 3 * answer["usage"]["prompt_tokens"]
    assert found["generation_tokens_total"] > answer["usage"]["completion_tokens"]
    assert found["time_to_first_token_seconds_count"] == 1
    assert found["e2e_request_latency_seconds_count"] == 4
    assert (await client.request("POST", "/metrics")).status == 405


async def test_what_runs_and_what_queues_are_told_apart(
    gateway_of: Callable[..., Gateway], connect: Any, autojump_clock: MockClock
) -> None:
    gateway = gateway_of(capacity=2, ttft_s=1.0)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon((await connect(gateway)).post, CHAT, asking())
        await trio.sleep(0.5)
        found = read(gateway.metrics_page())
    assert found["num_requests_running"] == 2
    assert found["num_requests_waiting"] == 1
    assert read(gateway.metrics_page())["num_requests_running"] == 0
