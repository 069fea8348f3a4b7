"""Rerankings of the gateway."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from headrace.gateway import Gateway, ModelPrice, PriceTable

URL, MODEL = "/v1/rerank", "deepseek-v4-flash"
DOCUMENTS = ["nothing", "the mill wheel", {"text": "a mill"}]
Gateways = Callable[..., Gateway]


async def ranked(client: Any, **fields: Any) -> Any:
    asked = {"model": MODEL, "query": "mill wheel", "documents": DOCUMENTS, **fields}
    response = await client.post(URL, asked)
    assert response.status == 200, response.body
    return response.json


async def test_the_documents_with_most_of_the_query_come_first(
    gateway_of: Gateways, connect: Any
) -> None:
    client = await connect(gateway_of())
    results = (await ranked(client))["results"]
    assert [each["index"] for each in results] == [1, 2, 0]
    scores = [each["relevance_score"] for each in results]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] < scores[0] <= 1
    assert (await ranked(client))["results"] == results


async def test_only_the_first_are_returned_with_their_texts(
    gateway_of: Gateways, connect: Any
) -> None:
    client = await connect(gateway_of())
    [first, second] = (await ranked(client, top_n=2, return_documents=True))["results"]
    assert first["document"] == {"text": "the mill wheel"}
    assert second["document"] == {"text": "a mill"}


async def test_it_is_billed_by_search_units_where_a_search_has_a_price(
    gateway_of: Gateways, connect: Any
) -> None:
    served = gateway_of()
    client = await connect(served)
    assert (await ranked(client))["meta"]["billed_units"] == {"search_units": 1}
    body = await ranked(client, documents=["x"] * 101)
    assert body["meta"]["billed_units"] == {"search_units": 2}
    long = await ranked(client, documents=["word " * 40_000])
    assert long["meta"]["billed_units"]["search_units"] > 1
    assert [row.charge for row in served.log_rows[:2]] == [Decimal("0.03"), Decimal("0.06")]


async def test_else_by_tokens_the_query_with_each_document(
    gateway_of: Gateways, connect: Any
) -> None:
    prices = PriceTable(models={MODEL: ModelPrice(input=Decimal(1))})
    served = gateway_of(prices=prices)
    body = await ranked(await connect(served), query="abcd", documents=["abcd"] * 5)
    assert body["usage"] == {"total_tokens": 20, "prompt_tokens": 20}
    assert "meta" not in body
    assert served.log_rows[0].charge == Decimal("0.00002")


async def test_a_document_without_a_text_is_its_json(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of())
    body = await ranked(client, documents=[{"title": "mill"}], return_documents=True)
    assert body["results"][0]["document"] == {"text": '{"title": "mill"}'}


async def test_without_documents_it_is_refused(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of())
    response = await client.post(URL, {"model": MODEL, "query": "x", "documents": []})
    assert response.error[:2] == (400, "INVALID_PARAMS")
