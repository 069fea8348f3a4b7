"""The scorer number: which number it reads, and how near it has to be."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.scores.number import last_number, number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs $1,234.50.", "1234.5"),
        ("10 - 4 = 6", "6"),
        ("10-4", "4"),
        ("(3)-4", "4"),
        ("It is -4", "-4"),
        ("minus: \u22124", "-4"),
        ("6.02e23 of them", "6.02e23"),
        ("1E-3", "0.001"),
        ("about .5", "0.5"),
        ("1,2,3", "3"),
        ("12,345,678", "12345678"),
        ("1,2345", "2345"),
        ("50%", "50"),
        ("#### 72", "72"),
        ("2 apples", "2"),
        ("none", None),
        ("", None),
        ("٣", None),
        ("１，２３４．５", "1234.5"),
        ("答案是-5元", "-5"),
        ("答案是－５", "-5"),
        ("+7", "7"),
        ("3 - 5", "5"),
        ("(-5)", "-5"),
        ("-.5", "-0.5"),
        ("1e5x", "5"),
        ("1e400", "1e400"),
        ("Final: 42.", "42"),
        ("1,234,", "1234"),
        ("5" * 500, None),
    ],
)
def test_the_last_number_is_read(text: str, found: str | None) -> None:
    assert last_number(text) == (None if found is None else Decimal(found))


@pytest.mark.parametrize(
    ("text", "expected", "tolerance", "score"),
    [
        ("42.0", 42, "0", 1.0),
        ("41", 42, "0", 0.0),
        ("1.1", 1.0, "0.1", 1.0),
        ("1.11", 1, "0.1", 0.0),
        ("so 1,000", "1000", "0", 1.0),
        ("3", [2, 3], "0", 1.0),
        ("none", 3, "0", 0.0),
        ("3", "three", "0", None),
        ("1", True, "0", None),
        ("3", None, "0", None),
        ("3", [], "0", None),
        ("3", [3, None], "0", None),
        ("3", {"a": 3}, "0", None),
        ("3", math.nan, "0", None),
        ("3", math.inf, "0", None),
        ("3", "3.0", "0", 1.0),
        ("1e400", "1" + "0" * 400, "0", None),
        ("-5", "\u22125", "0", 1.0),
        ("12345678901234567890", 12345678901234567891, "0", 0.0),
        ("0.1", 0.1, "0", 1.0),
    ],
)
def test_a_number_is_right_within_its_tolerance(
    text: str, expected: Any, tolerance: str, score: float | None
) -> None:
    assert number(text, expected, Decimal(tolerance)).score == score


@given(st.decimals(-(10**9), 10**9, places=3), st.integers(0, 3))
def test_what_is_written_is_read_back(value: Decimal, style: int) -> None:
    # Python's own ways to write a number: plain, with commas, in a sentence, with an exponent.
    written = [f"{value:f}", f"{value:,f}", f"from 7 to {value:,f}.", f"{value:.14e}"][style]
    assert last_number(written) == value


def test_a_hostile_answer_takes_no_time_to_speak_of() -> None:
    assert last_number("1" + ",111" * 50_000 + ",11") == 11
