"""Reranking: documents by how much of the query they have, in the form of Cohere or of Jina.

Where a model has a price of a search it is billed by search units, as Cohere does; else by tokens,
the query once with each document, as Jina does.
"""

import json
import re
from typing import Annotated, Any

import msgspec

from .draws import SeededDraws, digest
from .params import Code, Count
from .prices import ZERO
from .response import RequestContext, Response
from .tokens import count_tokens

MOST_DOCUMENTS = 1000
UNIT_DOCUMENTS = 100
# A document that has more of them together with the query counts as several.
PIECE_TOKENS = 500
_WORD = re.compile(r"\w+")


class RerankParams(msgspec.Struct, frozen=True):
    """POST /v1/rerank; a document is a text, or an object with one."""

    model: Code
    query: Code
    documents: Annotated[
        list[str | dict[str, Any]], msgspec.Meta(min_length=1, max_length=MOST_DOCUMENTS)
    ]
    top_n: Count | None = None
    return_documents: bool | None = None


def rerank_response(params: RerankParams, context: RequestContext) -> Response:
    """The documents, best first."""
    texts = [_text(each) for each in params.documents]
    asked = set(_WORD.findall(params.query.lower()))
    scores = [_score(text, asked, params.query, context.seed) for text in texts]
    scored = [(score, at) for at, score in enumerate(scores)]
    scored.sort(key=lambda each: (-each[0], each[1]))
    results = []
    for score, at in scored[: params.top_n]:
        result: dict[str, Any] = {"index": at, "relevance_score": score}
        if params.return_documents:
            result["document"] = {"text": texts[at]}
        results.append(result)
    body = {"id": f"rerank-{context.serial}", "model": params.model, "results": results}
    query_tokens = count_tokens(params.query)
    counts = [count_tokens(text) for text in texts]
    if context.price.search_request != ZERO:
        room = max(1, PIECE_TOKENS - query_tokens)
        units = -(-sum(max(1, -(-each // room)) for each in counts) // UNIT_DOCUMENTS)
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": units}}
        charge = context.price.tokens_cost(fresh=0, output=0, searches=units)
        return Response(body=msgspec.json.encode(body | {"meta": meta}), charge=charge)
    tokens = sum(counts) + query_tokens * len(counts)
    usage = {"total_tokens": tokens, "prompt_tokens": tokens}
    return Response(
        body=msgspec.json.encode(body | {"usage": usage}),
        input_tokens=tokens,
        charge=context.price.tokens_cost(fresh=tokens, output=0),
    )


def _text(document: str | dict[str, Any]) -> str:
    if isinstance(document, str):
        return document
    text = document.get("text")
    return text if isinstance(text, str) else json.dumps(document)


def _score(text: str, asked: set[str], query: str, seed: int) -> float:
    """From 0 to 1: mostly the share of the query's words that the text has."""
    share = len(asked.intersection(_WORD.findall(text.lower()))) / max(1, len(asked))
    name = f"{query}\0{text}".encode("utf-8", "surrogatepass")
    return round(0.9 * share + 0.1 * SeededDraws(digest(seed, b"rerank", name)).uniform(), 6)
