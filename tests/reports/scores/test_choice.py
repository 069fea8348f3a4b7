"""The scorer choice: which letter an answer chooses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.scores.choice import choice, chosen_letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("**C**", "C"),
        ("The answer is B.", "B"),
        ("the answer is (c)", "C"),
        ("Answer: D, since A is wrong", "D"),
        ("The answer is **A** because B is wrong", "A"),
        (r"The answer is \boxed{B}", "B"),
        ("The answer is option C", "C"),
        ("answer is A or, no: the answer is B", "B"),
        ("I choose (C), not B", "C"),
        ("It must be D", "D"),
        ("A dog is B", "B"),
        ("A dog barks", None),
        ("The answer is a dog", None),
        ("I'd say D's", None),
        ("A: a dog", "A"),
        ("Cats and Dogs", None),
        ("E", None),
        ("", None),
        ("(b)", "B"),
        ("**B**", "B"),
        ("answer is: B", "B"),
        ("ANSWER: b", "B"),
        ('Answer is "B"', "B"),
        ("B) because A is wrong", "B"),
        ("Not (A). It's (B)", "B"),
        ("the answer is A; B is wrong", "A"),
        ("The answer is A. (B) is wrong", "A"),
        ("$\\boxed{\\text{C}}$", "C"),
        ("Ｂ", "B"),
        ("答案是（Ｂ）", "B"),
        ("答案是B。", "B"),
        ("정답은 B입니다", "B"),
        ("ABÉ", None),
    ],
)
def test_the_chosen_letter(text: str, letter: str | None) -> None:
    assert chosen_letter(text) == letter


@pytest.mark.parametrize(
    ("text", "expected", "letters", "score"),
    [
        ("B", "b", "ABCD", 1.0),
        ("B", "(B)", "ABCD", 1.0),
        ("B", ["A", "B"], "ABCD", 1.0),
        ("E", "E", "ABCDE", 1.0),
        ("I think C", "C", "ABCDEFGHI", 1.0),
        ("none of them", "B", "ABCD", 0.0),
        ("B", "E", "ABCD", None),
        ("B", 1, "ABCD", None),
        ("B", None, "ABCD", None),
        ("B", [], "ABCD", None),
        ("B", ["B", None], "ABCD", None),
        ("B", True, "ABCD", None),
        ("B", {"B": 1}, "ABCD", None),
        ("B", "AB", "ABCD", None),
        ("B", "（ｂ）", "ABCD", 1.0),
    ],
)
def test_a_choice_is_right_or_wrong(
    text: str, expected: Any, letters: str, score: float | None
) -> None:
    assert choice(text, expected, letters).score == score


@given(st.sampled_from("ABCD"), st.sampled_from(["{}", "({})", "The answer is {}.", "So: {}"]))
def test_each_way_to_choose_is_read(letter: str, way: str) -> None:
    assert chosen_letter("First, think. " * (way != "{}") + way.format(letter)) == letter


def test_a_hostile_answer_takes_no_time_to_speak_of() -> None:
    assert chosen_letter("answer is" + " (" * 50_000) is None
