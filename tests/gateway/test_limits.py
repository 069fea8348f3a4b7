"""Limits of requests and tokens a minute, for each kind of window."""

import os
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, get_args

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.gateway.limits import MINUTE_US, KeyLimits, WindowKind

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

# As in test_ledger.py.
MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1"))
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


async def test_a_request_above_the_whole_tpm_is_a_400(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(tpm=10, output_tokens=13))
    assert (await client.post(PATH, chat("hey"))).error == (
        400,
        "INVALID_PARAMS",
        "Invalid request: it needs 20 tokens, more than the 10 that this API "
        "key may use per minute.",
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


async def test_without_a_limit_of_requests_there_is_no_number_to_tell(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    # The headers said that 0 of 0 requests were left, which clients believed.
    client = await connect(gateway_of(rpm=None, tpm=40, output_tokens=30))
    assert (await client.post(PATH, chat("hey"))).status == 200
    refused = await client.post(PATH, chat("hey"))
    assert refused.error[:2] == (429, "RATE_LIMIT")
    assert refused.headers["retry-after"] == "40"
    assert not [name for name in refused.headers if name.startswith("x-ratelimit")]


@pytest.mark.slow
@settings(max_examples=300 * MORE, deadline=None)
@given(
    kind=st.sampled_from(get_args(WindowKind)),
    rpm=st.none() | st.integers(1, 90),
    tpm=st.none() | st.integers(1, 500),
    asked=st.lists(
        st.tuples(st.integers(0, 40_000_000), st.integers(1, 500)), min_size=1, max_size=60
    ),
)
@example(kind="fixed", rpm=1, tpm=None, asked=[(0, 1), (0, 1)])
@example(kind="bucket", rpm=None, tpm=1, asked=[(0, 1), (0, 1)])
def test_retry_after_is_enough_and_not_a_second_too_much(
    kind: WindowKind, rpm: int | None, tpm: int | None, asked: list[tuple[int, int]]
) -> None:
    limits, now_us = KeyLimits(kind, rpm, tpm), 1_780_977_600_000_000
    counted: list[tuple[int, int]] = []
    for gap_us, tokens in asked:
        now_us += gap_us // len(asked)
        tokens = min(tokens, tpm or tokens)
        refused = limits.admit(now_us, tokens)
        if refused is None:
            counted.append((now_us, tokens))
            continue
        wait_s = refused.retry_after_s
        assert wait_s >= 1
        if refused.limit is not None:
            assert refused.limit == rpm
            assert 0 <= refused.remaining <= rpm
        assert deepcopy(limits).admit(now_us + wait_s * 1_000_000, tokens) is None
        sooner_us = now_us + (wait_s - 1) * 1_000_000
        assert deepcopy(limits).admit(sooner_us, tokens) is not None
    assert counted != []  # the first is always admitted
    for at_us, _ in counted:
        # Everything within one window, counted independently.
        since_us = at_us - at_us % MINUTE_US if kind == "fixed" else at_us - MINUTE_US + 1
        held = [tokens for when_us, tokens in counted if since_us <= when_us <= at_us]
        most = 2 if kind == "bucket" else 1
        assert rpm is None or len(held) <= rpm * most + (2 if kind == "bucket" else 0)
        assert tpm is None or sum(held) <= tpm * most
