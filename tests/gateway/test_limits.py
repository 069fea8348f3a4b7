from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import trio

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
PATH = "/v1/chat/completions"


async def test_over_the_rpm_is_the_reference_s_429(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    gateway = gateway_of(rpm=2)
    client = await connect(gateway)
    assert [(await client.post(PATH, chat())).status for _ in range(2)] == [200, 200]
    refused = await client.post(PATH, chat())
    # 20 s into the clock's minute, 40 s are left.
    assert refused.error == (
        429,
        "RATE_LIMIT",
        "Rate limit exceeded. Please retry after 40s.",
    )
    assert refused.headers["retry-after"] == "40"
    assert refused.headers["x-ratelimit-limit"] == "2"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert gateway.log_rows[-1].error_code == "RATE_LIMIT"
    await trio.sleep(39.999)
    assert (await client.post(PATH, chat())).headers["retry-after"] == "1"
    await trio.sleep(0.001)
    assert (await client.post(PATH, chat())).status == 200


@pytest.mark.parametrize(
    ("window", "retry_after_s"), [("fixed", 40), ("sliding", 50), ("bucket", 30)]
)
async def test_retry_after_is_really_enough(
    gateway_of: Any,
    connect: "Connect",
    chat: Bodies,
    autojump_clock: object,
    window: str,
    retry_after_s: int,
) -> None:
    client = await connect(gateway_of(rpm=2, window=window))
    await client.post(PATH, chat())
    await trio.sleep(10 if window == "sliding" else 0)
    await client.post(PATH, chat())
    refused = await client.post(PATH, chat())
    assert refused.headers["retry-after"] == str(retry_after_s)
    await trio.sleep(retry_after_s - 1)
    assert (await client.post(PATH, chat())).status == 429
    await trio.sleep(1)
    assert (await client.post(PATH, chat())).status == 200


@pytest.mark.parametrize("window", ["fixed", "sliding", "bucket"])
async def test_tokens_count_at_arrival_as_they_will_be_billed(
    gateway_of: Any,
    connect: "Connect",
    chat: Bodies,
    autojump_clock: object,
    window: str,
) -> None:
    # Each request is 3 + 3 + 1 tokens in and 13 out.
    gateway = gateway_of(tpm=40, output_tokens=13, window=window, ttft_s=5.0)
    first, second = await connect(gateway), await connect(gateway)
    started = trio.current_time()
    statuses: list[int] = []

    async def ask(client: Any) -> None:
        statuses.append((await client.post(PATH, chat("hey"))).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, first)
        nursery.start_soon(ask, second)
    assert statuses == [200, 200]
    assert trio.current_time() - started == 5.0
    refused = await first.post(PATH, chat("hey"))
    # Requests are left, tokens are not.
    assert refused.headers["x-ratelimit-limit"] == "60"
    waits = {"fixed": "35", "sliding": "55", "bucket": "25"}
    assert refused.headers["retry-after"] == waits[window]


async def test_refusals_and_balance_reads_count_toward_nothing(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(rpm=1))
    for _ in range(3):
        assert (await client.request("GET", "/v1/balance")).status == 200
        assert (await client.post(PATH, {})).status == 400
    assert (await client.post(PATH, chat())).status == 200
    assert (await client.post(PATH, chat())).status == 429
    assert (await client.request("GET", "/v1/balance")).status == 200


async def test_a_request_above_the_whole_tpm_is_no_matter_of_waiting(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(tpm=10, output_tokens=13))
    assert (await client.post(PATH, chat("hey"))).error == (
        400,
        "INVALID_PARAMS",
        "Invalid parameter messages: the request needs 20 tokens, more than the 10 that this API "
        "key may use in a minute.",
    )


async def test_no_limits_when_there_are_none(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(rpm=None, tpm=None))
    statuses = {(await client.post(PATH, chat())).status for _ in range(150)}
    assert statuses == {200}


async def test_the_default_limits_are_the_reference_s(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(output_tokens=1))
    statuses = [(await client.post(PATH, chat())).status for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    # 3 + 3 + 1 tokens in: 49,993 out fill half of 100,000.
    client = await connect(gateway_of(output_tokens=49_993))
    statuses = [(await client.post(PATH, chat("hey"))).status for _ in range(3)]
    assert statuses == [200, 200, 429]
