"""exact, contains, regex and json: each definition, and against other ways to say the same."""

import json as other_json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.scores.text_scorers import (
    canonical,
    contains,
    exact,
    json,
    regex,
    same_json,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "expected", "score"),
    [
        (" Paris\n", "Paris ", 1.0),
        ("paris", "Paris", 0.0),
        ("B", ["A", "B"], 1.0),
        ("42", 42, 1.0),
        ("true", True, 1.0),
        ("", "Paris", 0.0),
        ("Paris", {"a": 1}, None),
        ("Paris", None, None),
        ("Paris", [], None),
        ("Paris", ["Paris", None], None),
        ("", "", 1.0),
        ("4.0", 4, 0.0),
        ("1", True, 0.0),
        ("\u00a0x\u00a0", "x", 1.0),
        ("e\u0301", "\u00e9", 0.0),  # as it stands: no form of Unicode is made of another
        ("Ａ", "A", 0.0),
    ],
)
def test_exact_strips_the_ends_and_keeps_case(
    text: str, expected: Any, score: float | None
) -> None:
    assert exact(text, expected).score == score


@pytest.mark.parametrize(
    ("text", "expected", "score"),
    [
        ("It is Paris.", "Paris", 1.0),
        ("It is paris.", "Paris", 0.0),
        ("It is Rome.", ["Paris", "Rome"], 1.0),
        ("42 of them", 42, 1.0),
        ("It is Rome.", [["Rome"]], None),
        ("It is Rome.", [], None),
    ],
)
def test_contains_keeps_case(text: str, expected: Any, score: float | None) -> None:
    assert contains(text, expected).score == score


@pytest.mark.parametrize(
    ("text", "expected", "score"),
    [
        ("page 12", r"\d+", 1.0),
        ("Page", "page", 0.0),
        ("a\nb", "^b", 0.0),
        ("no", ["x", "n."], 1.0),
        ("no", 3, None),
        ("no", "(", None),
        ("no", None, None),
        ("no", [], None),
        ("no", ["(", "n."], None),
        ("no", {"a": "n."}, None),
    ],
)
def test_regex_searches_without_flags(text: str, expected: Any, score: float | None) -> None:
    assert regex(text, expected).score == score


def test_a_bad_pattern_is_the_reason() -> None:
    assert "the expected pattern can't be used: missing )" in str(regex("x", "(").reason)


@given(st.text("ab\n.", max_size=12), st.text("ab.*+", max_size=6))
def test_regex_is_re_search(text: str, pattern: str) -> None:
    try:
        score: float | None = float(re.search(pattern, text) is not None)
    except re.error:
        score = None
    assert regex(text, pattern).score == score


@pytest.mark.parametrize(
    ("text", "expected", "score"),
    [
        ('{"b": [1, 2], "a": null}', {"a": None, "b": [1.0, 2]}, 1.0),
        ("1", True, 0.0),
        ("[true]", [1], 0.0),
        ("1.0", 1, 1.0),
        ("[1, 2]", [2, 1], 0.0),
        ('```json\n{"a": 1}\n```', {"a": 1}, 1.0),
        ('So:\n```\n[1]\n```\nor\n```json\n{"a": 1}\n```\nDone.', {"a": 1}, 1.0),
        ('```{"a": 1}```', {"a": 1}, 1.0),
        ('{"a": 1}', '{"a": 1}', 1.0),
        ('"yes"', "yes", 1.0),
        ("yes", "yes", 0.0),
        ("NaN", 1, 0.0),
        ("```", {}, 0.0),
        ("{}", None, None),
    ],
)
def test_json_compares_values(text: str, expected: Any, score: float | None) -> None:
    assert json(text, expected).score == score


@pytest.mark.slow
@given(VALUES, VALUES)
def test_json_is_equality_of_canonical_texts(one: Any, other: Any) -> None:
    def canonical(value: Any) -> str:
        # Python writes 1.0 and 1 apart, and true as itself: numbers alone are made alike.
        if isinstance(value, dict):
            pairs = (f"{other_json.dumps(k)}:{canonical(v)}" for k, v in sorted(value.items()))
            return "{" + ",".join(pairs) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(canonical, value)) + "]"
        if isinstance(value, int | float) and not isinstance(value, bool):
            return repr(float(value) + 0.0)
        return other_json.dumps(value)

    if other is None or isinstance(other, str):
        other = [other]
    same = canonical(one) == canonical(other)
    assert json(other_json.dumps(one), other).score == float(same)


@pytest.mark.slow
@given(VALUES, VALUES)
def test_equal_json_is_read_alike(one: Any, other: Any) -> None:
    assert (repr(canonical(one)) == repr(canonical(other))) == same_json(one, other)
    assert repr(canonical({"b": 1.0, "a": [True]})) == repr(canonical({"a": [True], "b": 1}))


def test_a_hostile_answer_takes_no_time_to_speak_of() -> None:
    assert json("```x\n" * 50_000, {}).score == 0.0
