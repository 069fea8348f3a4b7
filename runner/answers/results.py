"""Answers with a list of results: of a reranking, or of a moderation.

Cohere, Jina, vLLM and llama.cpp rerank into `results` of `index` and `relevance_score`, Voyage into
`data`. None of it is text.
"""

from .body import Answer, Body, ReadUsage


def results_in(body: Body, read_usage: ReadUsage, _ended: bool) -> tuple[Answer, bool]:
    """The answer, which is whole where it has a list of results: of no documents it is empty."""
    results = body.get("results")
    if not isinstance(results, list):
        results = body.get("data")
    usage = read_usage(body)
    return Answer(body, usage), isinstance(results, list) and not body.get("error")
