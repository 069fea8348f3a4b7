"""f1, beside SQuAD's formula worked out another way, and figures worked out by hand."""

import string
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.scores.f1 import f1, words_of


def other_f1(text: str, expected: str) -> Fraction:
    """Word by word: each of the expected ones is taken away once it was found."""

    def words(given: str) -> list[str]:
        kept = "".join(c for c in given.lower() if c not in string.punctuation)
        return [word for word in kept.split() if word not in ("a", "an", "the")]

    left, found = words(expected), 0
    for word in words(text):
        if word in left:
            left.remove(word)
            found += 1
    if not found:
        return Fraction(0)
    precision = Fraction(found, len(words(text)))
    recall = Fraction(found, len(words(expected)))
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("text", "expected", "score"),
    [
        ("The Eiffel Tower!", "eiffel tower", 1.0),
        ("the big tower", "Eiffel Tower", 0.5),
        ("tower tower", "tower", 2 / 3),
        ("Rome", "Paris", 0.0),
        ("Rome", ["Paris", "Rome, Italy"], 2 / 3),
        ("the", "a", 0.0),
        ("7", 7, 1.0),
        ("Rome", {"city": "Rome"}, None),
        ("Rome", [], None),
        ("Rome", None, None),
    ],
)
def test_f1_is_of_the_words_in_common(text: str, expected: Any, score: float | None) -> None:
    assert f1(text, expected).score == (score if score is None else pytest.approx(score))


WORDS = st.lists(st.sampled_from(["the", "A", "cat", "Cat,", "dog.", "an", "sat"]), max_size=6)


@given(WORDS, WORDS)
def test_f1_is_what_squad_computes(text: list[str], expected: list[str]) -> None:
    one, other = " ".join(text), " ".join(expected)
    assert f1(one, other).score == pytest.approx(float(other_f1(one, other)))


def test_words_are_those_without_articles_and_punctuation() -> None:
    assert words_of("An apple's the-end\n a  Day") == ["apples", "theend", "day"]
