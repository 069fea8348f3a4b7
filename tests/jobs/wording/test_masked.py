"""Messages that differ in digits and ids alone count as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import masked


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("", ""),
        ("unknown parameter: top_k", "unknown parameter: top_k"),
        ("max_tokens is 9000, at most 8,192", "max_tokens is #, at most #,#"),
        ("waited 12.5 s", "waited #.# s"),
        ("request req_011CSHoEeqs5C35K2UUqR7Fy failed", "request # failed"),
        ("id 550e8400-e29b-41d4-a716-446655440000!", "id #!"),
        ("no model gpt-4o", "no model gpt-#o"),
        ("messages.12.content", "messages.#.content"),
        ("internationalisation", "internationalisation"),
        ("\u0663 \u4e2d\u6587 7", "# \u4e2d\u6587 #"),
    ],
)
def test_digits_and_ids_are_masked_and_words_are_not(message: str, shown: str) -> None:
    assert masked(message) == shown


@given(st.text(max_size=40), st.integers(0, 10**6), st.integers(0, 10**6))
def test_messages_that_differ_in_a_number_are_equal(text: str, one: int, other: int) -> None:
    assert masked(f"{text} {one}") == masked(f"{text} {other}")


@given(st.text())
def test_no_digit_is_left_and_masking_again_changes_nothing(text: str) -> None:
    shown = masked(text)
    assert not any(each.isdecimal() for each in shown)
    assert masked(shown) == shown
