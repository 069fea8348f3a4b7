"""Embeddings: the vectors, taken out of an answer.

They are kept as 32-bit floats, which is all that models give, in a column of their own; the body
keeps an empty list in the place of each, or an empty text where it came as base64. What can't be
kept so, stays in the body as it came. Nothing odd is refused: it was paid for.
"""

import binascii
import re
from array import array
from base64 import b64encode
from itertools import pairwise
from math import isfinite, nan
from typing import Any

import msgspec

from headrace.jobs import FLOAT_BYTES, Job, as_vector, counted, floats_of, places_of

from .body import Answer, Body, ReadUsage

NOT_VECTORS = "an embedding is not a list of numbers that 32 bits hold; it is in the response alone"
# By which a body asks for other numbers than 32-bit floats, little-endian: what its base64 holds
# (Voyage, Mistral; vLLM). Lists of them are numbers like others.
_ASKS_OTHERS = re.compile(rb'"(?:output_dtype|embed_dtype|endianness)"')
# By which a body decides how long its vectors are.
_ASKS_LENGTH = re.compile(rb'"(?:(?:output_)?dimensions?|output_dtype|embedding_type)"')
_FLOATS = (None, "float", "float32")
_LITTLE = (None, "native", "little")


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


class _Numbers(msgspec.Struct):
    output_dtype: Any = None
    embed_dtype: Any = None
    endianness: Any = None

    def other(self) -> str | None:
        """What numbers are asked for, if not 32-bit floats, little-endian."""
        for name in (self.output_dtype, self.embed_dtype):
            if name not in _FLOATS:
                return str(name)
        return None if self.endianness in _LITTLE else f"{self.endianness}-endian"


def match_request(answer: Answer, job: Job, lengths: dict[str, int]) -> None:
    """Hold an answer against what was asked for, and against the model's first.

    Base64 of other numbers than 32-bit floats is put back into the response, as it came. Where
    there is other than one vector for each input, or of another length, that is noted.

    Args:
        answer: as `vectors_in` gives it.
        job: what asked for it.
        lengths: by model, how many numbers a vector of its first answer had, where the request
            left that to the service; is added to.
    """
    body, asked = job.body, job.answers
    if not answer.vectors:
        return
    if _ASKS_OTHERS.search(body) and (numbers := _other_numbers(body)) is not None:
        items = answer.body["data"]
        if any(each["embedding"] == "" for each in items):
            _put_back(items, answer.vectors)
            answer.vectors = None
            answer.oddity = f"its base64 is of {numbers[:40]} numbers; it is in the response alone"
            return
    found = len(answer.vectors)
    if found != asked:
        answer.oddity = f"it has {counted(found, 'vector')} for {counted(asked, 'input')}"
    elif answer.oddity is None and _ASKS_LENGTH.search(body) is None:
        length = len(answer.vectors[0]) // FLOAT_BYTES
        first = lengths.setdefault(job.model, length)
        if length != first:
            answer.oddity = (
                f"its vectors have length {length:,}, the first ones of the model {first:,}"
            )


def _other_numbers(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Numbers).other()
    except msgspec.DecodeError:
        return None


def _put_back(items: list[Any], vectors: list[bytes]) -> None:
    for item, place in zip(items, places_of(items), strict=True):
        vector = vectors[place]
        is_text = item["embedding"] == ""
        item["embedding"] = b64encode(vector).decode() if is_text else floats_of(vector).tolist()


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
    # (A number beyond 32 bits has become an infinity, and would be lost; a whole one beyond 24 bits
    # would be another.)
    if not isfinite(sum(floats)) or (type(value[0]) is int and floats.tolist() != value):
        return None
    return as_vector(floats)


def _is_infinite(value: float) -> bool:
    return value in (float("inf"), float("-inf"))


def _decoded(text: str) -> bytes | None:
    try:
        vector = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    if not vector or len(vector) % FLOAT_BYTES:
        return None
    floats = floats_of(vector)
    # (Some bytes that are not numbers are others once they were read as such.)
    exact = isfinite(sum(floats)) or as_vector(array("f", floats.tolist())) == vector
    return vector if exact else None


def _oddity(vectors: list[bytes]) -> str | None:
    """What is odd about the vectors of one answer; None where nothing is."""
    lengths = [len(each) // FLOAT_BYTES for each in vectors]
    if any(one != other for one, other in pairwise(lengths)):
        return f"its vectors have different lengths, from {min(lengths):,} to {max(lengths):,}"
    if not all(isfinite(sum(floats_of(each))) for each in vectors):
        return "a vector has a component that is not a number"
    return None
