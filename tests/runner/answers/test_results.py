"""Answers that are a list of results."""

import json
from typing import Any

import pytest

from headrace.jobs import ENDPOINTS
from headrace.runner.answers import UnusableAnswerError, read_body

RERANK, MODERATIONS = ENDPOINTS["/v1/rerank"], ENDPOINTS["/v1/moderations"]
RANKED = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]


@pytest.mark.parametrize("name", ["results", "data"])
def test_a_ranking_is_an_answer_under_either_name(name: str) -> None:
    body = {name: RANKED, "usage": {"total_tokens": 5}}
    answer = read_body(RERANK, json.dumps(body).encode())
    assert (answer.body, answer.text, answer.usage.input_tokens) == (body, None, 5)


def test_of_no_documents_the_ranking_is_empty() -> None:
    assert read_body(RERANK, b'{"results":[]}').body == {"results": []}


def test_a_judgement_is_an_answer() -> None:
    body = {"id": "modr-1", "model": "m", "results": [{"flagged": False}]}
    assert read_body(MODERATIONS, json.dumps(body).encode()).body == body


@pytest.mark.parametrize("body", [{}, {"results": 3}, {"results": [], "error": {"message": "x"}}])
def test_what_has_no_list_is_not_an_answer(body: dict[str, Any]) -> None:
    with pytest.raises(UnusableAnswerError):
        read_body(RERANK, json.dumps(body).encode())


@pytest.mark.parametrize("body", [b'[{"index":0,"score":0.5}]', b'[[{"index":0,"score":0.5}]]'])
def test_a_ranking_as_a_bare_list_is_kept_and_not_bought_again(body: bytes) -> None:
    """TEI's: it was asked for again as if it were a page of somebody else's."""
    with pytest.raises(UnusableAnswerError) as raised:
        read_body(RERANK, body)
    assert raised.value.paid
