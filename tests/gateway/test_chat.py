"""POST /v1/chat/completions, whole and streamed."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

PATH = "/v1/chat/completions"
REFERENCE_EXAMPLE = {
    "model": "deepseek-v4-flash",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Hello!"},
    ],
    "temperature": 0.7,
    "max_tokens": 1024,
}
Bodies = Callable[..., dict[str, Any]]


async def test_a_completion_has_the_fields_of_the_reference(
    gateway_of: Any, connect: "Connect"
) -> None:
    client = await connect(gateway_of(output_tokens=10))
    response = await client.post(PATH, REFERENCE_EXAMPLE)
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    body = response.json
    assert list(body) == ["id", "object", "created", "model", "choices", "usage"]
    assert body["id"].startswith("chatcmpl-")
    assert body["object"] == "chat.completion"
    # 2026-06-09T08:30:20Z
    assert body["created"] == 1780993820
    assert body["model"] == "deepseek-v4-flash"
    [choice] = body["choices"]
    assert list(choice) == ["index", "message", "finish_reason"]
    assert choice["index"] == 0
    assert list(choice["message"]) == ["role", "content"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}


async def test_a_stream_is_a_role_the_tokens_the_end_and_done(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(output_tokens=25))
    response = await client.post(PATH, chat(stream=True))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    *chunks, done = [data for _, data in response.events]
    assert done == "[DONE]"
    assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert all(list(delta) == ["content"] and delta["content"] for delta in deltas[1:-1])
    assert len(deltas[1:-1]) == 25
    assert deltas[-1] == {}
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * 26 + ["stop"]
    assert [index for index, chunk in enumerate(chunks) if "usage" in chunk] == [26]
    assert chunks[-1]["usage"]["completion_tokens"] == 25


@pytest.mark.parametrize(
    ("include_usage", "choices_of_usage"), [(True, [[]]), (False, []), (None, [1])]
)
async def test_stream_options_decide_where_usage_comes(
    gateway_of: Any,
    connect: "Connect",
    chat: Bodies,
    include_usage: bool | None,
    choices_of_usage: list[Any],
) -> None:
    client = await connect(gateway_of())
    fields = {} if include_usage is None else {"stream_options": {"include_usage": include_usage}}
    response = await client.post(PATH, chat(stream=True, **fields))
    chunks = [data for _, data in response.events[:-1]]
    found = [chunk["choices"] for chunk in chunks if "usage" in chunk]
    assert [one if one == [] else len(one) for one in found] == choices_of_usage
    if found:
        assert "usage" in chunks[-1]


async def test_max_tokens_cuts_the_answer(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(output_tokens=50))
    whole = (await client.post(PATH, chat(max_tokens=50))).json
    cut = (await client.post(PATH, chat(max_tokens=49))).json
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["completion_tokens"] == 50
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 49


async def test_some_answers_stop_by_themselves_and_some_are_cut(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(rpm=None, tpm=None))
    answers = [(await client.post(PATH, chat(max_tokens=40))).json for _ in range(200)]
    reasons = [answer["choices"][0]["finish_reason"] for answer in answers]
    # One in five is drawn beyond max_tokens: 40 expected, and 5 standard deviations around.
    assert 12 <= reasons.count("length") <= 68
    assert reasons.count("length") + reasons.count("stop") == 200
    for answer, reason in zip(answers, reasons, strict=True):
        made = answer["usage"]["completion_tokens"]
        assert made == 40 if reason == "length" else 1 <= made <= 40


async def test_the_same_seed_gives_the_same_answers_in_any_order(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    bodies = [chat() for _ in range(20)]

    async def texts(seed: int, order: list[dict[str, Any]]) -> dict[str, str]:
        client = await connect(gateway_of(seed=seed))
        answers = {}
        for body in order:
            answer = (await client.post(PATH, body)).json
            answers[body["messages"][0]["content"]] = answer["choices"][0]["message"]["content"]
        return answers

    first = await texts(1, bodies)
    assert await texts(1, bodies[::-1]) == first
    assert await texts(2, bodies) != first
    assert len(set(first.values())) > 15


async def test_tokens_are_charged_at_their_price(gateway_of: Any, connect: "Connect") -> None:
    gateway = gateway_of(output_tokens=10)
    client = await connect(gateway)
    await client.post(PATH, REFERENCE_EXAMPLE)
    # 20 tokens at 1 and 10 at 2 per million.
    assert gateway.ledger.balance == Decimal("99.99996")
    [row] = gateway.log_rows
    assert row.charge == Decimal("0.00004")
    assert gateway.ledger.charges == {row.request_id: Decimal("0.00004")}
    assert (row.method, row.path, row.status, row.connection) == ("POST", PATH, 200, 1)
    assert (row.input_tokens, row.output_tokens, row.model) == (20, 10, "deepseek-v4-flash")


async def test_a_search_answer_cites_its_sources(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of()
    client = await connect(gateway)
    body = (await client.post("/v1/search/completions", chat())).json
    assert list(body) == ["id", "object", "created", "model", "choices", "usage"]
    text = body["choices"][0]["message"]["content"]
    answer, _, sources = text.partition("\n\nSources:\n")
    assert "[1]" in answer
    assert "[2]" in answer
    assert [line.split(" ")[0] for line in sources.split("\n")] == ["[1]", "[2]"]
    assert all("https://" in line for line in sources.split("\n"))
    usage = body["usage"]
    spent = usage["prompt_tokens"] + 2 * usage["completion_tokens"]
    assert gateway.log_rows[0].charge == Decimal("0.03") + Decimal(spent) / 1_000_000


async def test_a_search_streams_its_sources(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of())
    response = await client.post("/v1/search/completions", chat(stream=True))
    text = "".join(
        data["choices"][0]["delta"].get("content", "") for _, data in response.events[:-1]
    )
    assert "\n\nSources:\n[1] " in text
