"""Vectors put back into the body of an embeddings answer, as they came: numbers, or base64."""

import base64
import re
from array import array
from typing import Any, NamedTuple

import msgspec
import polars as pl

from headrace.jobs import as_vector, places_of

_lists = msgspec.json.Decoder(dict[str, list[msgspec.Raw]])
# A vector of whole numbers, as polars writes it: they came as such (int8, or bits). Many readers
# take -0 for 0, so one stays as it is.
_WHOLE_NUMBER = rb"(?:-?[1-9]\d*|0)\.0"
_WHOLE = re.compile(rb"\[%b(?:,%b)*\]" % (_WHOLE_NUMBER, _WHOLE_NUMBER))


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
            item["embedding"] = _base64(vectors, place) if left == "" else _numbers(vectors, place)
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        return response  # it is not one that a run wrote
    return msgspec.json.encode(body).decode()


def _numbers(vectors: RowVectors, place: int) -> msgspec.Raw:
    text = bytes(vectors.texts[place])
    return msgspec.Raw(text.replace(b".0", b"")) if _WHOLE.fullmatch(text) else vectors.texts[place]


def _base64(vectors: RowVectors, place: int) -> str:
    return base64.b64encode(as_vector(array("f", vectors.floats[place]))).decode()
