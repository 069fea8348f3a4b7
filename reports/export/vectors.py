"""Vectors put back into the body of an embeddings answer, as they came: numbers, or base64."""

import base64
from array import array
from typing import Any, NamedTuple

import msgspec
import polars as pl

from headrace.jobs import as_vector, places_of

_lists = msgspec.json.Decoder(dict[str, list[msgspec.Raw]])


class RowVectors(NamedTuple):
    """The vectors of one answer: as JSON texts, with no more digits than 32 bits need and null for
    what is not a number; and as they are."""

    texts: list[msgspec.Raw]
    floats: pl.Series


def vectors_of_rows(vectors: pl.Series) -> list[RowVectors | None]:
    """The vectors of each row; None where it has none."""
    if vectors.null_count() == len(vectors):
        return [None] * len(vectors)
    texts = vectors.to_frame("v").select(pl.struct("v").struct.json_encode()).to_series()
    return [
        None if row is None else RowVectors(_lists.decode(text)["v"], row)
        for row, text in zip(vectors, texts, strict=True)
    ]


def with_vectors(response: str, vectors: RowVectors | None) -> str:
    """The body of an embeddings answer with its vectors, each in the place that was left for it."""
    if vectors is None:
        return response
    try:
        body: Any = msgspec.json.decode(response)
        items = body["data"]
        for item, _, place in zip(items, vectors.texts, places_of(items), strict=True):
            left = item["embedding"]
            item["embedding"] = _base64(vectors, place) if left == "" else vectors.texts[place]
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        return response  # it is not one that a run wrote
    return msgspec.json.encode(body).decode()


def _base64(vectors: RowVectors, place: int) -> str:
    return base64.b64encode(as_vector(array("f", vectors.floats[place]))).decode()
