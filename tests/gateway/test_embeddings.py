"""Embeddings of the gateway."""

import base64
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from headrace.gateway import Gateway

URL, MODEL = "/v1/embeddings", "deepseek-v4-flash"
Gateways = Callable[..., Gateway]


async def embedded(client: Any, given: Any, **fields: Any) -> Any:
    response = await client.post(URL, {"model": MODEL, "input": given, **fields})
    assert response.status == 200, response.body
    return response.json


async def test_a_text_has_one_vector_of_about_length_1(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of())
    body = await embedded(client, "the mill wheel")
    assert (body["object"], body["model"], list(body["usage"])) == (
        "list",
        MODEL,
        ["prompt_tokens", "total_tokens"],
    )
    [item] = body["data"]
    assert (item["object"], item["index"], len(item["embedding"])) == ("embedding", 0, 1536)
    assert 0.8 < sum(each * each for each in item["embedding"]) < 1.2


async def test_equal_texts_have_equal_vectors_whatever_stands_beside_them(
    gateway_of: Gateways, connect: Any
) -> None:
    client = await connect(gateway_of())
    alone = (await embedded(client, "a", dimensions=4))["data"][0]["embedding"]
    both = (await embedded(client, ["b", "a"], dimensions=4))["data"]
    assert both[1]["embedding"] == alone
    assert both[0]["embedding"] != alone
    other = await connect(gateway_of(seed=9))
    assert (await embedded(other, "a", dimensions=4))["data"][0]["embedding"] != alone


async def test_base64_holds_the_same_numbers(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of())
    numbers = (await embedded(client, "a", dimensions=6))["data"][0]["embedding"]
    [item] = (await embedded(client, "a", dimensions=6, encoding_format="base64"))["data"]
    assert base64.b64decode(item["embedding"]) == array("f", numbers).tobytes()


@pytest.mark.parametrize(
    ("given", "count", "tokens"),
    [("abcd", 1, 2), (["abcd", "abcd"], 2, 4), ([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3)],
)
async def test_inputs_are_texts_or_tokens_and_are_billed(
    gateway_of: Gateways, connect: Any, given: Any, count: int, tokens: int
) -> None:
    served = gateway_of()
    body = await embedded(await connect(served), given, dimensions=2)
    assert (len(body["data"]), body["usage"]["total_tokens"]) == (count, tokens)
    [row] = served.log_rows
    assert (row.input_tokens, row.output_tokens) == (tokens, 0)
    assert row.charge * 10**6 == tokens


@pytest.mark.parametrize(
    "given", ["", [], ["a", ""], ["a", 1], [1, [2]], 3, None, ["a"] * 2049, [{"image": "x"}]]
)
async def test_other_inputs_are_refused(gateway_of: Gateways, connect: Any, given: Any) -> None:
    client = await connect(gateway_of())
    response = await client.post(URL, {"model": MODEL, "input": given})
    assert response.error[0] == 400
    assert "input" in response.error[2]
