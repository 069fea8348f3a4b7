"""The bytes of each variant on the wire, and what is charged for it."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import h11
import pytest

from headrace.gateway import AnswerRule, Fault, GatewayError, parse_faults
from headrace.gateway.variants import VARIANTS
from tests.docs_page import docs_page
from tests.gateway.variants.sent import SENT
from tests.gateway.variants.wire import whole

if TYPE_CHECKING:
    from tests.gateway.conftest import Client, Connect

Bodies = Callable[..., dict[str, Any]]
PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "images": "/v1/images/generations",
    "responses": "/v1/responses",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "rerank": "/v1/rerank",
}
# Beyond the reference: `test_beyond.py` shows what is sent.
BEYOND = [name for name, made in VARIANTS.items() if not {*made.protocols} & {"chat", "messages"}]
BODIES: dict[str, dict[str, Any]] = {
    "responses": {"input": "hey", "max_output_tokens": 99},
    "completions": {"prompt": "hey", "max_tokens": 99},
    "embeddings": {"input": "hey", "dimensions": 3},
    "rerank": {"query": "hey", "documents": ["hey", "you"]},
}
# 7 tokens in at 1 and 3 out at 2 per million.
CHARGE = Decimal("0.000013")

# What is charged where it is not CHARGE: an error is free, and what was used otherwise has its
# own price.
CHARGED = {
    # 26 tokens more of output: twice the 3, and 20.
    "usage-hidden": CHARGE + Decimal("0.000052"),
    # 3 of the input tokens at 0.02 and not at 1.
    "usage-cached-top": CHARGE - 3 * Decimal("0.00000098"),
    "usage-cached-hits": CHARGE - 3 * Decimal("0.00000098"),
    # 3 of them at twice the price.
    "usage-cache-hour": CHARGE + Decimal("0.000003"),
    # 3 searches at 0.03.
    "usage-web-search": CHARGE + Decimal("0.09"),
}
FREE = list(SENT)[: list(SENT).index("then-error")]
TYPES = {
    "page": "text/html",
    "blank-lines": "application/json",
    "stream-unasked": "text/event-stream; charset=utf-8",
    "stream-as-json": "application/json",
    "json-as-stream": "text/event-stream; charset=utf-8",
    "json-unstreamed": "application/json",
}
CASES = [(name, form) for name, forms in SENT.items() for form in forms]


def job(chat: Bodies, protocol: str, *, streamed: bool) -> dict[str, Any]:
    if protocol == "images":
        return {"model": "gpt-image-2", "prompt": "a mill"}
    body = {"model": "deepseek-v4-flash", **BODIES[protocol]} if protocol in BODIES else None
    body = body or chat("hey", max_tokens=99)
    return body | ({"stream": True} if streamed else {})


@pytest.fixture
def varied(gateway_of: Any) -> Callable[..., Any]:
    """Makes gateways that answer in a variant, and always with the same three tokens."""

    def make(fault: str, **fields: Any) -> Any:
        rule = AnswerRule(contains="", answer="The Elbe.")
        return gateway_of(faults=parse_faults(fault), answers=(rule,), **fields)

    return make


@pytest.mark.parametrize(("name", "form"), CASES)
async def test_the_bytes_are_those_of_the_variant_and_what_came_is_charged(
    varied: Any, connect: "Connect", chat: Bodies, name: str, form: str
) -> None:
    protocol, _, how = form.partition(" ")
    streamed = how == "streamed"
    gateway = varied(f"provider:{name}=1")
    client = await connect(gateway)
    body = await received(client, PATHS[protocol], job(chat, protocol, streamed=streamed), name)
    assert body.decode("utf-8", "surrogateescape") == SENT[name][form]
    [row] = gateway.log_rows
    assert (row.fault, row.stream) == (f"provider:{name}", streamed)
    assert row.status == (201 if name == "created" else 200)
    expected = Decimal(0) if name in FREE else CHARGED.get(name, CHARGE)
    assert row.charge == expected
    assert 100 - gateway.ledger.balance == expected
    usual = "text/event-stream; charset=utf-8" if streamed else "application/json"
    content_type = f"content-type: {TYPES.get(name, usual)}\r\n".encode()
    assert content_type in client.received.partition(b"\r\n\r\n")[0]


async def received(client: "Client", path: str, body: dict[str, Any], name: str) -> bytes:
    """The body that came; only one variant breaks it off."""
    if name != "finish-empty":
        return (await client.post(path, body)).body
    with pytest.raises(h11.RemoteProtocolError):
        await client.post(path, body)
    chunks = client.received.partition(b"\r\n\r\n")[2]
    return b"".join(re.findall(rb"(data: .*\n\n)", chunks))


def test_every_variant_is_shown() -> None:
    assert [*SENT, *BEYOND] == list(VARIANTS)


def test_the_page_lists_every_variant_once() -> None:
    page = docs_page("reference/gateway.md").partition("### Variants of real services")[2]
    rows = re.findall(r"^\| (`[^|]*) \|", page.partition("### Answers")[0], re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`([^`]+)`", row)] == list(VARIANTS)


EVERY = [
    (name, protocol, streamed)
    for name, variant in VARIANTS.items()
    for protocol in variant.protocols
    for streamed in ((False, True) if variant.streamed is None else (variant.streamed,))
    if not (protocol == "images" and streamed)
]


@pytest.mark.parametrize("itl_s", [0.0, 1.0])
@pytest.mark.parametrize(("name", "protocol", "streamed"), EVERY)
async def test_the_ledger_stays_exact_in_every_variant_at_any_pace(
    gateway_of: Any,
    connect: "Connect",
    chat: Bodies,
    autojump_clock: object,
    name: str,
    protocol: str,
    streamed: bool,
    itl_s: float,
) -> None:
    fault = Fault("provider", 1.0, variant=name)
    gateway = gateway_of(faults=(fault,), itl_s=itl_s)
    client = await connect(gateway)
    await received(client, PATHS[protocol], job(chat, protocol, streamed=streamed), name)
    [row] = gateway.log_rows
    assert row.fault == f"provider:{name}"
    assert 100 - gateway.ledger.balance == row.charge == sum(gateway.ledger.charges.values())
    assert bool(row.charge) is fault.is_billed


@pytest.mark.slow
async def test_a_variant_is_drawn_among_those_that_fit_and_the_log_names_it(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    bodies = [chat(stream=number % 2 == 1, max_tokens=20) for number in range(120)]

    async def drawn(order: list[dict[str, Any]]) -> dict[str, str | None]:
        gateway = gateway_of(faults=parse_faults("provider=0.5"), rpm=None, tpm=None, seed=3)
        for body in order:
            try:
                await (await connect(gateway)).post(PATHS["chat"], body)
            except h11.RemoteProtocolError:
                continue
        names = {}
        for body, row in zip(order, gateway.log_rows, strict=True):
            assert row.stream is body["stream"]
            names[body["messages"][0]["content"]] = row.fault
        return names

    first = await drawn(bodies)
    assert await drawn(bodies[::-1]) == first
    struck = [name.removeprefix("provider:") for name in first.values() if name is not None]
    # 60 expected, and 5 standard deviations around.
    assert 33 <= len(struck) <= 87
    assert len(set(struck)) > 15
    assert {VARIANTS[name].needs for name in struck} <= {"anything", "text"}


async def test_a_variant_that_does_not_fit_leaves_the_answer_alone(
    varied: Any, connect: "Connect", chat: Bodies
) -> None:
    gateway = varied("provider:crlf=1")
    client = await connect(gateway)
    assert (await client.post(PATHS["chat"], chat("hey", max_tokens=99))).body.decode() == whole()
    gateway_n = varied("provider:bom=1")
    several = await (await connect(gateway_n)).post(PATHS["chat"], chat("hey", n=2))
    assert len(several.json["choices"]) == 2
    assert [row.fault for row in (*gateway.log_rows, *gateway_n.log_rows)] == [None, None]


async def test_calls_keep_to_the_variants_that_fit_calls(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    tools = [{"type": "function", "function": {"name": "tide"}}]
    gateway = gateway_of(faults=parse_faults("provider=1"), rpm=None, tpm=None)
    for _ in range(60):
        body = chat(tools=tools, tool_choice="required", stream=True)
        await (await connect(gateway)).post(PATHS["chat"], body)
    names = [row.fault.removeprefix("provider:") for row in gateway.log_rows]
    assert {VARIANTS[name].needs for name in names} == {"anything", "call"}


async def test_a_request_asks_for_its_variant(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of(fault_header=True)
    client = await connect(gateway)
    for asked in ("provider:bom", "provider", "provider:page+billed"):
        client.headers["x-headrace-fault"] = asked
        await client.post(PATHS["chat"], chat())
    first, second, third = [row.fault for row in gateway.log_rows]
    assert (first, third) == ("provider:bom", "provider:page")
    assert second is not None
    assert second.startswith("provider:")
    assert gateway.log_rows[2].charge > 0
    client.headers["x-headrace-fault"] = "provider:nonsense"
    refused = await client.post(PATHS["chat"], chat())
    assert "no variant is called 'nonsense'; the variants are error-body, " in refused.error[2]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("provider:nonsense=0.1", "no variant is called 'nonsense'"),
        ("provider:=0.1", "no variant is called ''"),
        ("500:bom=0.1", "500 has no variants; only provider has"),
    ],
)
def test_variants_that_there_are_not_are_refused(text: str, reason: str) -> None:
    with pytest.raises(GatewayError, match=reason):
        parse_faults(text)


def test_variants_are_read_by_name() -> None:
    assert parse_faults("provider=0.1, provider:bom=0.2, provider:crlf+free@3") == (
        Fault("provider", 0.1),
        Fault("provider", 0.2, variant="bom"),
        Fault("provider", nth=(3,), billed=False, variant="crlf"),
    )
