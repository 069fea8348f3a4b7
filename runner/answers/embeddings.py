"""Embeddings: the vectors, taken out of an answer.

They are kept as 32-bit floats, which is all that models give, in a column of their own; the body
keeps an empty list in the place of each, or an empty text where it came as base64. What can't be
kept so, stays in the body as it came. Nothing odd is refused: it was paid for.
"""

import binascii
from array import array
from itertools import pairwise
from math import isfinite, nan
from typing import Any

from headrace.jobs import FLOAT_BYTES, as_vector, counted, floats_of, places_of

from .body import Answer, Body, ReadUsage

NOT_VECTORS = "an embedding is not a list of numbers that 32 bits hold; it is in the response alone"


def vectors_in(body: Body, read_usage: ReadUsage, _ended: bool) -> tuple[Answer, bool]:
    """The answer with its vectors, and whether it has any."""
    answer = Answer(body, read_usage(body))
    items = body.get("data")
    if not isinstance(items, list) or not items or body.get("error"):
        return answer, False
    if not any(map(_is_embedded, items)):
        return answer, False
    vectors = [_vector(each.get("embedding")) for each in items if isinstance(each, dict)]
    found = [each for each in vectors if each is not None]
    if len(found) < len(items):
        answer.oddity = NOT_VECTORS
        return answer, True
    for each in items:
        each["embedding"] = "" if isinstance(each["embedding"], str) else []
    answer.vectors = found
    if len(items) > 1:
        in_order = sorted(zip(places_of(items), found, strict=True))
        answer.vectors = [vector for _, vector in in_order]
    answer.oddity = _oddity(answer.vectors)
    return answer, True


def count_vectors(answer: Answer, asked: int) -> None:
    """Note where an answer has other than one vector for each of the `asked` inputs."""
    found = None if answer.vectors is None else len(answer.vectors)
    if found is not None and found != asked:
        answer.oddity = f"it has {counted(found, 'vector')} for {counted(asked, 'input')}"


def _is_embedded(item: Any) -> bool:
    """Whether an item of the answer has an embedding of any form: Jina has several in some."""
    return isinstance(item, dict) and bool(item.get("embedding") or item.get("embeddings"))


def _vector(value: Any) -> bytes | None:
    """A list of numbers, or base64 of them, as 32-bit floats; None where it is neither."""
    if isinstance(value, str):
        return _decoded(value)
    if not isinstance(value, list) or not value:
        return None
    try:
        floats = array("f", value)
    except (TypeError, OverflowError):
        # NaN is not JSON: services write null, or what is read as null.
        if not all(each is None or type(each) in (int, float) for each in value):
            return None
        try:
            floats = array("f", [nan if each is None else each for each in value])
        except OverflowError:
            return None
        return as_vector(floats) if not any(map(_is_infinite, floats)) else None
    # (A number beyond 32 bits has become an infinity, and would be lost.)
    return as_vector(floats) if isfinite(sum(floats)) else None


def _is_infinite(value: float) -> bool:
    return value in (float("inf"), float("-inf"))


def _decoded(text: str) -> bytes | None:
    try:
        vector = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    return vector if vector and not len(vector) % FLOAT_BYTES else None


def _oddity(vectors: list[bytes]) -> str | None:
    """What is odd about the vectors of one answer; None where nothing is."""
    lengths = [len(each) // FLOAT_BYTES for each in vectors]
    if any(one != other for one, other in pairwise(lengths)):
        return f"its vectors have different lengths, from {min(lengths):,} to {max(lengths):,}"
    if not all(isfinite(sum(floats_of(each))) for each in vectors):
        return "a vector has a component that is not a number"
    return None
