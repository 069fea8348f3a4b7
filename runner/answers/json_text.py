"""JSON as services write it: read strictly, and leniently only where that fails.

Lenient means: a byte order mark, NaN and Infinity (null), lone surrogates (halves of a character
that a stream cut in two are joined again; others become U+FFFD), bytes that are not UTF-8, control
characters in strings, and text after the end of the value.
"""

import base64
import json
import re
from typing import Any

import msgspec

# What an answer is known by, where it can't be read: it was paid for all the same.
_PAID = re.compile(rb"""["'](?:id|choices|content|usage|data)["']\s*:""")
_ANSWERED = re.compile(rb"""["'](?:choices|content|delta|usage)["']\s*:""")
# The same in JSON, and what an embedding or a ranking is known by.
HOLDS = (
    "id",
    "choices",
    "content",
    "usage",
    "embedding",
    "embeddings",
    "vectors",
    "results",
    "rankings",
    "relevance_score",
    "score",
)
LOOKED_AT_BYTES = 1024 * 1024  # a search of half a gigabyte would hold up the whole process
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<")
PARTS_LOOKED_AT = 100
_lenient = json.JSONDecoder(strict=False, parse_constant=lambda _: None)


class NotJSONError(ValueError):
    """The bytes are not JSON, however leniently they are read."""


def decode(data: bytes) -> tuple[Any, bool]:
    """The value, and whether it was strict. Raises NotJSONError."""
    try:
        return msgspec.json.decode(data), True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _decode_leniently(data, error), False


def has_more(data: bytes) -> bool:
    """Whether anything follows the value in bytes that were read leniently."""
    text = _text_of(data)
    return bool(text[_lenient.raw_decode(text)[1] :].strip())


def _text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")


def _decode_leniently(data: bytes, strict: Exception) -> Any:
    text = _text_of(data)
    if not text.startswith(("{", "[")):
        raise NotJSONError(str(strict)) from strict
    try:
        value, _ = _lenient.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise NotJSONError(str(strict)) from error
    return value


def is_page(data: bytes) -> bool:
    """Whether bytes begin as HTML or XML does."""
    return _PAGE.match(data) is not None


def looks_paid(data: bytes) -> bool:
    """Whether bytes that are not JSON hold what only an answer has, near an end of them. A page may
    hold anything."""
    return not is_page(data) and _is_near_an_end(_PAID, data)


def _is_near_an_end(pattern: re.Pattern[bytes], data: bytes) -> bool:
    near = data if len(data) <= 2 * LOOKED_AT_BYTES else data[:LOOKED_AT_BYTES]
    return pattern.search(near) is not None or pattern.search(data[-LOOKED_AT_BYTES:]) is not None


def looks_answered(data: bytes) -> bool:
    """Whether a stream of which no event was understood holds an answer all the same."""
    return _is_near_an_end(_ANSWERED, data)


def holds_answer(value: Any, *, depth: int = 3) -> bool:
    """Whether JSON that is not an answer holds what only one has, inside something else too."""
    if isinstance(value, str):
        text = value[:LOOKED_AT_BYTES].lstrip()
        return text.startswith("{") and _PAID.search(text.encode("utf-8", "replace")) is not None
    if depth == 0 or not isinstance(value, dict | list):
        return False
    if isinstance(value, dict):
        if any(value.get(name) for name in HOLDS):
            return True
        value = list(value.values())
    return any(holds_answer(each, depth=depth - 1) for each in value[:PARTS_LOOKED_AT])


def is_vectors(value: Any) -> bool:
    """Whether JSON is a list of numbers, or of such lists: embeddings, without anything around."""
    while isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    return isinstance(value, list) and len(value) > 1 and type(value[0]) in (int, float)


def whole_characters(value: Any) -> Any:
    """A value whose texts have no lone surrogates: pairs are joined, others become U+FFFD."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, dict):
        return {whole_characters(name): whole_characters(each) for name, each in value.items()}
    if isinstance(value, list):
        return [whole_characters(each) for each in value]
    return value


def encode(value: Any) -> str:
    """A value as JSON text, whatever its texts hold."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(whole_characters(value)).decode()


def json_text_of(data: bytes) -> str | None:
    """The text of bytes that are strict JSON, None for others."""
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return data.decode()


def raw(data: bytes) -> dict[str, str]:
    """Bytes that could not be understood, as an object that holds all of them."""
    try:
        return {"raw": data.decode()}
    except UnicodeDecodeError:
        return {"raw_base64": base64.b64encode(data).decode()}
