"""Cached input: what counts as cached, and what it costs."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import trio

from headrace.gateway.cache import Prefix, PromptCache

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
# With "system\n" before it: 3 blocks of 256 characters, which are 231 tokens, so 3 steps of 64.
LONG = "x" * (3 * 256 - 7)


def conversation(*texts: str, **fields: Any) -> dict[str, Any]:
    return {
        "model": "deepseek-v4-flash",
        "messages": [
            {"role": "system", "content": LONG},
            *({"role": "user", "content": text} for text in texts),
        ],
        **fields,
    }


async def test_a_repeated_beginning_is_billed_as_cached(
    gateway_of: Any, connect: "Connect"
) -> None:
    gateway = gateway_of(output_tokens=5)
    client = await connect(gateway)
    first = (await client.post("/v1/chat/completions", conversation("one"))).json["usage"]
    second = (await client.post("/v1/chat/completions", conversation("two"))).json["usage"]
    # 3 + (3 + 229) + (3 + 1) tokens.
    assert first == {"prompt_tokens": 239, "completion_tokens": 5, "total_tokens": 244}
    assert second == first | {"prompt_tokens_details": {"cached_tokens": 192}}
    charges = list(gateway.ledger.charges.values())
    # 239 at 1 per million and 5 at 2; then 47 at 1, 192 at 0.02 and 5 at 2.
    assert charges == [Decimal("0.000249"), Decimal("0.00006084")]
    assert gateway.log_rows[1].cached_input_tokens == 192


async def test_messages_count_cached_input_apart(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of(output_tokens=5))
    body = {
        "model": "deepseek-v4-flash",
        "max_tokens": 9,
        "system": LONG,
        "messages": [{"role": "user", "content": "one"}],
    }
    assert (await client.post("/v1/messages", body)).json["usage"] == {
        "input_tokens": 239,
        "output_tokens": 5,
    }
    cached = {
        "input_tokens": 47,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 192,
        "output_tokens": 5,
    }
    assert (await client.post("/v1/messages", body)).json["usage"] == cached
    streamed = (await client.post("/v1/messages", body | {"stream": True})).events
    assert streamed[0][1]["message"]["usage"] == cached | {"output_tokens": 0}


async def test_refused_requests_are_not_remembered(
    gateway_of: Any, connect: "Connect", chat: Bodies, autojump_clock: object
) -> None:
    client = await connect(gateway_of(rpm=1))
    path = "/v1/chat/completions"
    assert (await client.post(path, chat())).status == 200
    assert (await client.post(path, conversation("one"))).status == 429
    await trio.sleep(60)
    usage = (await client.post(path, conversation("one"))).json["usage"]
    assert "prompt_tokens_details" not in usage


async def test_the_cache_can_be_off(gateway_of: Any, connect: "Connect") -> None:
    gateway = gateway_of(cache=False)
    client = await connect(gateway)
    for _ in range(2):
        usage = (await client.post("/v1/chat/completions", conversation("one"))).json["usage"]
        assert "prompt_tokens_details" not in usage
    assert [row.cached_input_tokens for row in gateway.log_rows] == [0, 0]


def test_only_whole_blocks_from_the_start_count_and_the_oldest_go() -> None:
    cache = PromptCache(kept_blocks=4)
    cache.remember(cache.look_up("m", "a" * 512))
    assert cache.look_up("m", "a" * 511).cached_tokens == 64
    assert cache.look_up("m", "a" * 512).cached_tokens == 128
    assert cache.look_up("m", "b" + "a" * 511).cached_tokens == 0
    assert cache.look_up("other", "a" * 512).cached_tokens == 0
    assert cache.look_up("m", "a" * 255) == Prefix()
    cache.remember(cache.look_up("m", "c" * 1024))
    assert cache.look_up("m", "a" * 512).cached_tokens == 0
    assert cache.look_up("m", "c" * 1024).cached_tokens == 256
