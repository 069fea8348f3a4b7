"""Limits that a service names in its headers lower ours, and never raise them."""

import trio
from trio.testing import MockClock

from headrace.runner.limits.service_limits import NOTHING_SAID, ServiceLimits, service_limits
from tests.runner.conftest import Bench, Reply, Service


def test_each_services_own_headers_are_read() -> None:
    def read(**headers: str) -> ServiceLimits:
        given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        return service_limits(given)

    assert read(x_ratelimit_limit="60", x_ratelimit_remaining="59") == (60, None, 59)
    assert read(
        x_ratelimit_limit_requests="500",
        x_ratelimit_remaining_requests="499",
        x_ratelimit_limit_tokens="30000",
    ) == (500, 30000, 499)
    assert read(
        anthropic_ratelimit_requests_limit="50",
        anthropic_ratelimit_requests_remaining="0",
        anthropic_ratelimit_tokens_limit="40000",
    ) == (50, 40000, 0)
    assert read(x_ratelimit_limit_tokens="many") == (None, None, None)
    assert read(date="today") is NOTHING_SAID


async def test_a_service_that_names_its_limits_never_has_to_refuse(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """30 requests and 3,000 tokens per minute, and no flag that says so."""
    headers = (("x-ratelimit-limit-requests", "30"), ("x-ratelimit-limit-tokens", "3000"))
    service.answer = lambda seen: Reply(200, bench.chat_body(), headers)
    bench.write_chats(90, max_tokens=10)
    began_s = trio.current_time()
    ran = await bench.run(service, rpm=600, concurrency=4)
    assert ran.outcome.succeeded == 90
    times_s = service.post_times_s
    busiest = max(sum(a <= b < a + 60 for b in times_s) for a in times_s[8:])
    assert busiest <= 30
    assert trio.current_time() - began_s > 100


async def test_tokens_per_minute_are_lowered_too(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    headers = (("anthropic-ratelimit-tokens-limit", "1000"),)
    service.answer = lambda seen: Reply(
        200, bench.chat_body(input_tokens=50, output_tokens=50), headers
    )
    bench.write_chats(40, max_tokens=50)
    ran = await bench.run(service, tpm=1_000_000, concurrency=2)
    assert ran.outcome.succeeded == 40
    times_s = service.post_times_s
    busiest = max(sum(a <= b < a + 60 for b in times_s) for a in times_s[4:])
    assert busiest <= 10
