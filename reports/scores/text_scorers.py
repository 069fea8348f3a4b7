"""Scorers that compare an answer's text: exact, contains, regex, json.

Exact match is that of P. Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of
Text", EMNLP 2016, section 6.1, without its normalisation: blanks at the ends don't count, case
does. A JSON value is equal as RFC 8259 has values: whatever the order of keys, 1 being 1.0, and
true not being 1.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

from .score import NOTHING_EXPECTED, Scored, any_of, is_nothing, texts_of, wrong_type

FENCE = "```"


def exact(text: str, expected: Any) -> Scored:
    """1 where the text is one of those expected, the blanks at the ends of both left out."""
    if is_nothing(expected):
        return NOTHING_EXPECTED
    wanted = texts_of(expected)
    if wanted is None:
        return wrong_type(expected, "text")
    answer = text.strip()
    return any_of(any(answer == each.strip() for each in wanted))


def contains(text: str, expected: Any) -> Scored:
    """1 where one of the texts expected stands anywhere in the answer, in the same case."""
    if is_nothing(expected):
        return NOTHING_EXPECTED
    wanted = texts_of(expected)
    if wanted is None:
        return wrong_type(expected, "text")
    return any_of(any(each in text for each in wanted))


def regex(text: str, expected: Any, pattern: str | None = None) -> Scored:
    """1 where the pattern is found anywhere in the answer: `re.search`, without flags.

    Args:
        text: the answer.
        expected: the pattern, or any of a list of patterns, where there is none of its own.
        pattern: one for all answers.
    """
    if pattern is not None:
        return any_of(re.search(pattern, text) is not None)
    if is_nothing(expected):
        return NOTHING_EXPECTED
    patterns = expected if isinstance(expected, list) else [expected]
    if not all(isinstance(each, str) for each in patterns):
        return wrong_type(expected, "a pattern")
    try:
        return any_of(any(_compiled(each).search(text) for each in patterns))
    except (re.error, RecursionError, OverflowError) as error:
        return Scored(None, f"the expected pattern can't be used: {error}")


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def json(text: str, expected: Any) -> Scored:
    """1 where the answer is the JSON value that is expected; 0 also where it is no JSON.

    Code fences around the answer are left out. An expected text that is JSON itself, as a cell of
    CSV is, may also be meant as what it says.
    """
    if expected is None:
        return NOTHING_EXPECTED
    found, value = json_in(text)
    if not found:
        return Scored(0.0, "the answer is not JSON")
    meant = _decoded(expected) if isinstance(expected, str) else (False, None)
    return any_of(same_json(value, expected) or (meant[0] and same_json(value, meant[1])))


def json_in(text: str) -> tuple[bool, Any]:
    """Whether a text is JSON, or its last code block is, and the value."""
    found, value = _decoded(text)
    # Without the text before the first fence, and what no fence closes.
    blocks = text.split(FENCE)[1:-1:2]
    if not found and blocks:
        language, _, block = blocks[-1].partition("\n")
        found, value = _decoded(
            block if language.strip().isalnum() or not language.strip() else blocks[-1]
        )
    return found, value


def _decoded(text: str) -> tuple[bool, Any]:
    try:
        return True, msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False, None


def canonical(value: Any) -> Any:
    """A JSON value as one that is shown alike wherever it is equal, by `same_json`."""
    if isinstance(value, dict):
        return [[key, canonical(value[key])] for key in sorted(value)]
    if isinstance(value, list):
        return (len(value), *map(canonical, value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. (To Python, true is 1.)"""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
