"""Why a scorer can't use an expected value: by its kind, so that rows of one kind are one."""

import math
from typing import Any

import pytest

from headrace.reports.scores import scorer_of
from headrace.reports.scores.score import NOTHING_EXPECTED, is_nothing, narrow

SCORERS = ("exact", "contains", "regex", "number", "choice", "json", "f1")


@pytest.mark.parametrize(
    ("spec", "expected", "reason"),
    [
        ("number", "three", "what is expected is text, not a number"),
        ("number", True, "what is expected is true or false, not a number"),
        ("number", math.nan, "what is expected is NaN or infinite, not a number"),
        ("regex", 4, "what is expected is a number, not a pattern"),
        ("exact", {"a": 1}, "what is expected is an object, not text"),
        ("exact", [[1]], "what is expected is a list of other things, not text"),
        ("choice", "AB", "what is expected is text, not one of A, B, C, D"),
        ("f1", [None], "what is expected is a list of other things, not text"),
    ],
)
def test_the_reason_is_the_kind(spec: str, expected: Any, reason: str) -> None:
    scorer = scorer_of(spec).score
    assert scorer is not None
    assert scorer("4", expected) == (None, reason)


HOSTILE: list[Any] = [
    None,
    [],
    [None],
    [[]],
    {},
    {"a": [1]},
    True,
    10**400,
    -1.5,
    math.inf,
    "",
    "\ud800",
]


@pytest.mark.parametrize("spec", SCORERS)
@pytest.mark.parametrize("expected", [*HOSTILE, "٣", "(" * 99])
def test_no_expected_value_stops_a_scorer(spec: str, expected: Any) -> None:
    scorer = scorer_of(spec).score
    assert scorer is not None
    found = scorer("The answer is (B), 4 of \u2212５.", expected)
    assert found.score in (None, 0.0, 1.0)
    assert (found.reason is not None) == (found.score is None) or found.score == 0.0


def test_nothing_is_expected_of_null_and_of_any_of_none() -> None:
    assert [is_nothing(each) for each in (None, [], "", 0, False, [None])] == [True] * 2 + [
        False
    ] * 4
    assert NOTHING_EXPECTED.reason == "nothing is expected"


def test_full_width_is_ascii() -> None:
    assert narrow("（Ａ）＋１，２％～") == "(A)+1,2%~"
    assert narrow("é 中 −") == "é 中 −"
