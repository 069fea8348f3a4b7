"""Usage of embeddings, rerankings, moderations, and of endpoints by the places of their counts."""

from decimal import Decimal
from typing import Any

import pytest

from headrace.jobs import ENDPOINTS, Usage
from headrace.runner.answers import placed_usage
from headrace.runner.answers.endpoint_usage import (
    free_usage,
    input_usage,
    rerank_usage,
    unplaced_usage,
)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 8, "total_tokens": 8},  # OpenAI, llama.cpp, TEI, Jina
        {"prompt_tokens": 8, "total_tokens": 8, "completion_tokens": 0},  # vLLM, Mistral
        {"prompt_tokens": 8, "total_tokens": 8, "prompt_tokens_details": None},
        {"total_tokens": 8},  # Voyage
        {"input_tokens": 8},
    ],
)
def test_all_tokens_of_an_embedding_are_input(usage: dict[str, Any]) -> None:
    found = input_usage({"usage": usage})
    assert (found.input_tokens, found.output_tokens, found.why_unpriced) == (8, 0, None)


def test_output_that_an_embedding_tells_all_the_same_is_counted() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    found = input_usage({"usage": usage})
    assert (found.input_tokens, found.output_tokens) == (5, 3)


@pytest.mark.parametrize("read", [input_usage, free_usage, rerank_usage])
def test_a_cost_without_a_usage_is_reported(read: Any) -> None:
    assert read({"results": [], "total_cost": 0.25}).reported_cost == Decimal("0.25")


def test_ollamas_own_count_is_read() -> None:
    assert input_usage({"prompt_eval_count": 4}).input_tokens == 4


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "does not say what it used"),
        ({"usage": {"prompt_tokens": 0, "total_tokens": 0}}, "counts no tokens"),
        ({"usage": {"prompt_tokens": 5, "total_tokens": 9}}, "4 more"),
    ],
)
def test_a_usage_that_does_not_add_up_leaves_the_cost_unknown(body: Any, why: str) -> None:
    assert why in str(input_usage(body).why_unpriced)


def test_a_reranking_is_billed_by_searches_or_by_tokens() -> None:
    cohere = {"meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 3}}}
    assert rerank_usage(cohere) == Usage(input_tokens=0, output_tokens=0, searches=3)
    both = {"billed_units": {"search_units": 1, "input_tokens": 28, "output_tokens": 2}}
    assert rerank_usage({"meta": both}) == Usage(input_tokens=28, output_tokens=2, searches=1)
    jina = rerank_usage({"usage": {"total_tokens": 815, "prompt_tokens": 815}})
    assert (jina.input_tokens, jina.output_tokens, jina.searches) == (815, 0, 0)
    units = {"input_tokens": 28, "output_tokens": 0, "search_units": 0, "classifications": 0}
    silicon = rerank_usage({"meta": {"billed_units": units, "tokens": {"input_tokens": 28}}})
    assert (silicon.input_tokens, silicon.searches, silicon.why_unpriced) == (28, 0, None)
    assert rerank_usage({"meta": {}}).why_unpriced is not None


RANKED: dict[str, Any] = {"results": []}


@pytest.mark.parametrize(
    "body",
    [
        {"tokens": {"input_tokens": 150, "output_tokens": 0}},  # SiliconFlow
        {"meta": {"tokens": {"input_tokens": 150}}},
        # litellm, before services that bill tokens
        {"meta": {"billed_units": {"search_units": None, "total_tokens": 150}, "tokens": None}},
        {"meta": {"billed_units": None, "tokens": {"input_tokens": 150, "output_tokens": None}}},
        {"meta": {"billed_units": {"search_units": 0}, "tokens": {"input_tokens": 150}}},
        {"usage": {"prompt_tokens": 0, "total_tokens": 150}},
    ],
)
def test_tokens_of_a_reranking_are_found_wherever_they_are(body: dict[str, Any]) -> None:
    found = rerank_usage(RANKED | body)
    assert (found.input_tokens, found.output_tokens, found.searches) == (150, 0, 0)
    assert found.why_unpriced is None


def test_search_units_may_be_in_the_usage() -> None:
    usage = {"cost": 0.001, "search_units": 2, "total_tokens": 150}  # OpenRouter
    found = rerank_usage(RANKED | {"usage": usage})
    assert (found.input_tokens, found.searches, found.why_unpriced) == (0, 2, None)
    assert found.reported_cost == Decimal("0.001")


def test_a_moderation_mostly_has_no_usage_and_lacks_none() -> None:
    assert free_usage({"results": []}) == Usage()
    told = free_usage({"results": [], "usage": {"prompt_tokens": 5, "total_tokens": 5}})
    assert (told.input_tokens, told.output_tokens) == (5, 0)


def test_images_that_are_billed_by_their_size_leave_the_cost_unknown() -> None:
    usage = {"text_tokens": 5, "image_pixels": 2_000_000, "total_tokens": 3576}  # Voyage
    assert "image_pixels" in str(input_usage({"usage": usage}).why_unpriced)


def test_what_nobody_knows_has_no_cost_but_what_it_tells_itself() -> None:
    found = unplaced_usage({"usage": {"cost": 0.25}})
    assert (found.why_unpriced, found.reported_cost) == (
        "what this endpoint bills is not known",
        Decimal("0.25"),
    )


SCORE = ENDPOINTS["/v1/score"]
PLACES = {"input_tokens": ("usage", "x"), "output_tokens": ("data", "0", "n")}


def test_counts_are_read_where_the_user_says() -> None:
    found = placed_usage(SCORE, {"usage": {"x": 7}, "data": [{"n": "3"}]}, PLACES)
    assert (found.input_tokens, found.output_tokens) == (7, 3)
    assert found.why_unpriced == "what this endpoint bills is not known"


def test_the_last_event_that_counts_holds() -> None:
    events = [{"usage": {"x": 1}}, {"usage": {"x": 2}}, {"done": True}]
    assert placed_usage(SCORE, {"events": events}, PLACES).input_tokens == 2


def test_a_place_that_holds_nothing_is_said() -> None:
    found = placed_usage(SCORE, {"usage": {"tokens": 7}}, PLACES)
    assert found.why_unpriced == "the usage is not where headrace.toml says"


@pytest.mark.parametrize("body", [{}, [], 3, {"usage": [1]}, {"data": []}, {"usage": {"x": -1}}])
def test_counts_that_are_not_there_are_null(body: Any) -> None:
    assert placed_usage(SCORE, body, PLACES).input_tokens is None


def test_a_known_endpoint_has_a_price_by_counts_in_other_places() -> None:
    found = placed_usage(ENDPOINTS["/v1/embeddings"], {"tokens": 9}, {"input_tokens": ("tokens",)})
    assert found == Usage(input_tokens=9, output_tokens=0)
    missing = placed_usage(ENDPOINTS["/v1/embeddings"], {}, {"input_tokens": ("tokens",)})
    assert missing.why_unpriced == "the usage is not where headrace.toml says"
