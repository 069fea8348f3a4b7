"""Moderations of the gateway."""

from collections.abc import Callable
from typing import Any

import pytest

from headrace.gateway import Gateway

URL = "/v1/moderations"
Gateways = Callable[..., Gateway]
PARTS = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}]


@pytest.mark.parametrize(("given", "count"), [("x", 1), (["x", "y", "z"], 3), (PARTS, 1)])
async def test_texts_are_judged_each_and_parts_together(
    gateway_of: Gateways, connect: Any, given: Any, count: int
) -> None:
    served = gateway_of()
    client = await connect(served)
    body = (await client.post(URL, {"input": given})).json
    assert body["model"] == "omni-moderation-latest"
    assert len(body["results"]) == count
    for result in body["results"]:
        assert result["flagged"] == any(result["categories"].values())
        assert result["categories"].keys() == result["category_scores"].keys()
    [row] = served.log_rows
    assert (row.input_tokens, row.model) == (0, "omni-moderation-latest")
    assert row.charge == 0


async def test_some_texts_are_flagged_and_always_the_same(
    gateway_of: Gateways, connect: Any
) -> None:
    client = await connect(gateway_of())
    texts = [f"text {number}" for number in range(100)]
    body = (await client.post(URL, {"input": texts})).json
    flagged = [result["flagged"] for result in body["results"]]
    assert 0 < sum(flagged) < 30
    again = (await client.post(URL, {"input": texts, "model": "text-moderation-stable"})).json
    assert again["results"] == body["results"]


async def test_a_model_that_judges_nothing_is_not_found(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of())
    response = await client.post(URL, {"input": "x", "model": "gpt-image-2"})
    assert response.error[:2] == (404, "MODEL_NOT_FOUND")
