"""The most that a reranking can cost: by search units, and by tokens."""

import json
from decimal import Decimal
from typing import Any

import pytest

from headrace.jobs import CostBounds, Job, Price, PriceTable
from headrace.jobs.costs.rerank import most_of_rerank
from headrace.jobs.files.dialects import parse_line


def body(documents: list[str], query: str = "mill") -> bytes:
    return json.dumps({"model": "m", "query": query, "documents": documents}).encode()


@pytest.mark.parametrize(
    ("documents", "units"), [(["a"], 1), (["a"] * 90, 1), (["a"] * 101, 2), (["a" * 500], 1)]
)
def test_a_unit_is_a_hundred_documents(documents: list[str], units: int) -> None:
    assert most_of_rerank(body(documents)).units == units


def test_long_documents_count_as_several() -> None:
    assert most_of_rerank(body(["a" * 60_000])).units == 2


def test_the_query_counts_with_each_document() -> None:
    asked = body(["a", "b", "c"], query="x" * 100)
    assert most_of_rerank(asked).tokens == len(asked) + 3 * 102


def test_what_is_not_a_list_has_a_bound_all_the_same() -> None:
    assert most_of_rerank(b'{"documents":null}').units == 1
    assert most_of_rerank(b"[" * 9).units == 9


def bound(url: str, asked: dict[str, Any], **prices: Any) -> Decimal | str:
    line = json.dumps({"custom_id": "a", "url": url, "body": asked}).encode()
    job = parse_line(line, 1)
    assert isinstance(job, Job)
    bounds = CostBounds(PriceTable(currency="CNY", models={"m": Price(**prices)}))
    found = bounds.of(job)
    why = bounds.why_none(job)
    assert (found is None) is (why is not None)
    return why if found is None and why is not None else found or Decimal(0)


RERANK = {"model": "m", "query": "q", "documents": ["d"] * 150}


def test_a_reranking_is_bounded_by_the_price_that_it_has() -> None:
    assert bound("/v1/rerank", RERANK, search_request=Decimal("0.5")) == 1
    by_tokens = bound("/v1/rerank", RERANK, input=Decimal(1))
    assert isinstance(by_tokens, Decimal)
    assert 0 < by_tokens < Decimal("0.01")
    both = bound("/v1/rerank", RERANK, input=Decimal(1), search_request=Decimal("0.5"))
    assert both == by_tokens + 1
    assert "lacks a price" in str(bound("/v1/rerank", RERANK, output=Decimal(1)))


def test_embeddings_are_bounded_by_their_input_alone() -> None:
    asked = {"model": "m", "input": ["text"] * 20}
    found = bound("/v1/embeddings", asked, input=Decimal(1))
    assert isinstance(found, Decimal)
    assert len(json.dumps(asked)) < found * 10**6 < 2 * len(json.dumps(asked))
    image = asked | {"input": [{"image": "https://a.test/x.png"}]}
    assert "max_input_tokens" in str(bound("/v1/embeddings", image, input=Decimal(1)))


@pytest.mark.parametrize(
    "fields", [{"documents": [{"image": "https://a.test/x.png"}]}, {"query": {"image": "x"}}]
)
def test_images_of_a_reranking_are_not_bounded_by_their_addresses(fields: dict[str, Any]) -> None:
    assert "max_input_tokens" in str(bound("/v1/rerank", RERANK | fields, input=Decimal(1)))


def test_moderations_cost_nothing_unless_their_model_has_a_price() -> None:
    assert bound("/v1/moderations", {"input": "x"}) == 0
    assert bound("/v1/moderations", {"model": "m", "input": "x"}, output=Decimal(1)) == 0
    found = bound("/v1/moderations", {"model": "m", "input": "x"}, input=Decimal(1))
    assert isinstance(found, Decimal)
    assert 0 < found < Decimal("0.001")


def test_responses_are_bounded_by_their_own_limit() -> None:
    asked = {"model": "m", "input": "hi", "max_output_tokens": 100}
    found = bound("/v1/responses", asked, input=Decimal(0), output=Decimal(1))
    assert found == Decimal("0.0001")
    stored = asked | {"input": "hi", "prompt": {"id": "pmpt_1"}}
    said = str(bound("/v1/responses", stored, input=Decimal(1), output=Decimal(1)))
    assert "(prompt)" in said
    searching = asked | {"tools": [{"type": "web_search"}]}
    said = str(bound("/v1/responses", searching, input=Decimal(1), output=Decimal(1)))
    assert "its own tools" in said


def test_completions_are_bounded_by_all_their_prompts() -> None:
    asked = {"model": "m", "prompt": ["a", "b", "c"], "n": 2, "max_tokens": 10}
    found = bound("/v1/completions", asked, input=Decimal(0), output=Decimal(1))
    assert found == Decimal("0.00006")
    tokens = asked | {"prompt": [1, 2, 3], "n": 1}
    found = bound("/v1/completions", tokens, input=Decimal(0), output=Decimal(1))
    assert found == Decimal("0.00001")
