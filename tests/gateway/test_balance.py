"""GET /v1/balance, field by field."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import trio

from headrace.gateway import Key

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
CHAT = "/v1/chat/completions"
IMAGES = "/v1/images/generations"
IMAGE = {"model": "gpt-image-2", "prompt": "a mill"}
KEY = Key(
    secret="sk-one",
    id="1923456789012345678",
    name="claude-code",
    daily_budget=Decimal(20),
    monthly_budget=Decimal("0.5"),
)


async def test_the_balance_has_the_fields_of_the_reference(
    gateway_of: Any, connect: "Connect"
) -> None:
    client = await connect(gateway_of(keys=(KEY,), balance=Decimal("138.5")))
    await client.post(IMAGES, IMAGE)
    assert await client.balance() == {
        "object": "balance",
        "currency": "CNY",
        "balance": 138.25,
        "api_key": {
            "id": "1923456789012345678",
            "name": "claude-code",
            "daily_budget": 20.0,
            "daily_used": 0.25,
            "daily_remaining": 19.75,
            "daily_reset_at": "2026-06-10T00:00:00+08:00",
            "monthly_budget": 0.5,
            "monthly_used": 0.25,
            "monthly_remaining": 0.25,
            "monthly_reset_at": "2026-07-01T00:00:00+08:00",
        },
    }


async def test_without_budgets_their_fields_are_null(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of(keys=(Key(secret="sk-one", id="1", name="one"),)))
    fields = (await client.balance())["api_key"]
    assert [value for name, value in fields.items() if name not in ("id", "name")] == [None] * 8


async def test_the_balance_is_written_with_all_its_digits(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of(balance=Decimal("12345678901234567890"), output_tokens=7)
    client = await connect(gateway)
    # 3 + 3 + 1 tokens in at 1 per million, 7 out at 2.
    await client.post(CHAT, chat("hey"))
    response = await client.request("GET", "/v1/balance")
    assert b'"balance":12345678901234567889.999979,' in response.body


async def test_an_empty_balance_refuses_and_charges_nothing(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of(balance=Decimal("0.25"))
    client = await connect(gateway)
    assert (await client.post(IMAGES, IMAGE)).status == 200
    refused = await client.post(CHAT, chat())
    assert refused.error == (403, "FORBIDDEN", "The balance is empty: top up to continue.")
    assert gateway.ledger.balance == Decimal(0)
    assert gateway.log_rows[-1].charge == 0


async def test_a_spent_budget_is_named(gateway_of: Any, connect: "Connect", chat: Bodies) -> None:
    client = await connect(gateway_of(keys=(KEY,)))
    await client.post(IMAGES, IMAGE)
    await client.post(IMAGES, IMAGE)
    refused = await client.post(CHAT, chat())
    assert refused.error[2] == "The monthly budget of this API key is used up."


async def test_the_daily_budget_starts_anew_at_midnight_in_china(
    gateway_of: Any, connect: "Connect", autojump_clock: object
) -> None:
    key = Key(secret="sk-one", id="1", name="one", daily_budget=Decimal("0.25"))
    gateway = gateway_of(keys=(key,))
    client = await connect(gateway)
    await client.post(IMAGES, IMAGE)
    # It is 16:30:20 there: one second before midnight, then midnight.
    await trio.sleep(7 * 3600 + 29 * 60 + 39)
    client = await connect(gateway)
    assert (await client.post(IMAGES, IMAGE)).error[2] == (
        "The daily budget of this API key is used up."
    )
    await trio.sleep(1)
    fields = (await client.balance())["api_key"]
    assert (fields["daily_used"], fields["daily_reset_at"]) == (0.0, "2026-06-11T00:00:00+08:00")
    assert (await client.post(IMAGES, IMAGE)).status == 200


async def test_what_is_on_its_way_counts_against_the_balance(
    gateway_of: Any, connect: "Connect", autojump_clock: object
) -> None:
    gateway = gateway_of(balance=Decimal("0.25"), ttft_s=1.0)
    first, second = await connect(gateway), await connect(gateway)
    statuses = []

    async def ask(client: Any, after_s: float) -> None:
        await trio.sleep(after_s)
        statuses.append((await client.post(IMAGES, IMAGE)).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, first, 0)
        nursery.start_soon(ask, second, 0.5)
    assert statuses == [403, 200]


async def test_what_queues_counts_against_the_balance(
    gateway_of: Any, connect: "Connect", autojump_clock: object
) -> None:
    # Requests in the queue held nothing, so all were admitted on the money for one image.
    gateway = gateway_of(balance=Decimal("0.5"), ttft_s=1.0, capacity=1)
    statuses = []

    async def ask() -> None:
        statuses.append((await (await connect(gateway)).post(IMAGES, IMAGE)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert sorted(statuses) == [200, 200, 403, 403, 403]
    assert gateway.ledger.balance == 0


async def test_the_balance_is_top_up_and_gift(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of(balance=Decimal("130.25"), gift=Decimal("8.25")))
    assert (await client.balance())["balance"] == 138.5


async def test_a_usage_query_is_one_get_with_the_bearer_key(
    gateway_of: Any, connect: "Connect"
) -> None:
    client = await connect(gateway_of())
    key = client.headers["authorization"]
    await client.stream.send_all(
        f"GET /v1/balance HTTP/1.1\r\nHost: open.example\r\nAuthorization: {key}\r\n\r\n".encode()
    )
    answer = bytes(await client.stream.receive_some())
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'{"object":"balance","currency":"CNY","balance":100.0,' in answer
