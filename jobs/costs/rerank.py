"""The most that a reranking can be billed for: search units by some services, tokens by others.

https://docs.cohere.com/docs/how-does-cohere-pricing-work: a unit is one query with up to 100
documents; a document that has more than 500 tokens together with the query is split, and each piece
counts as a document. Where tokens are billed, the query counts once with each document
(https://jina.ai/reranker).
"""

from typing import Any, NamedTuple

import msgspec

UNIT_DOCUMENTS = 100
PIECE_TOKENS = 500
# However long the query is, a piece has room for this much of its document.
PIECE_ROOM_MIN = 50


class RerankMost(NamedTuple):
    """The most search units, and the most tokens."""

    units: int
    tokens: int


def most_of_rerank(body: bytes) -> RerankMost:
    """The most that a body with `query` and `documents` can be billed for, each of its bytes taken
    for a token."""
    try:
        fields: dict[str, Any] = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return RerankMost(len(body), len(body) ** 2)
    query, documents = fields.get("query"), fields.get("documents")
    query_bytes = len(msgspec.json.encode(query))
    count = max(1, len(documents)) if isinstance(documents, list) else 1
    room = max(PIECE_ROOM_MIN, PIECE_TOKENS - query_bytes)
    units = -(-(count + len(body) // room) // UNIT_DOCUMENTS)
    return RerankMost(units, len(body) + query_bytes * count)
