"""What was likely meant: the nearest known word, and none where none is near."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import suggested
from headrace.jobs.wording.suggestion import or_listed

KNOWN = ["rpm", "tpm", "warmup", "output", "input", "max-cost", "run", "load"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("rmp", "rpm"),
        ("outptu", "output"),
        ("runs", "run"),
        ("max_csot", "max-cost"),
        ("MAX-COST", "max-cost"),
        ("warm-up", "warmup"),
        ("lod", "load"),
    ],
)
def test_the_nearest_word_is_asked(word: str, meant: str) -> None:
    assert suggested(word, KNOWN) == f"; did you mean {meant!r}?"


@pytest.mark.parametrize("word", ["zzz", "", "temperature", "x" * 100_000])
def test_none_is_asked_where_none_is_near(word: str) -> None:
    assert suggested(word, KNOWN) == ""
    assert suggested(word, []) == ""


@given(st.sampled_from(KNOWN), st.integers(0, 20), st.characters(codec="ascii"))
def test_one_slip_is_always_seen(word: str, at: int, character: str) -> None:
    slipped = word[:at] + character + word[at:]
    assert suggested(slipped, [word]) == f"; did you mean {word!r}?"


def test_where_none_is_near_all_are_listed_as_far_as_one_takes_them_in() -> None:
    assert or_listed("zzzz", ["a", "b"]) == "; there are a, b"
    assert or_listed("zzzz", ["label"]) == "; there is label"
    assert or_listed("lable", ["label"]) == "; did you mean 'label'?"
    assert or_listed("zzzz", []) == ""
    many = or_listed("zzzz", (f"c{n}" for n in range(300)))
    assert many.startswith("; there are c0, c1, ")
    assert many.endswith(", c11, …")
