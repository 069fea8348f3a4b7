"""The table of ids, which finds those that are there twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs.files.duplicates import FIRST_SLOTS, SHARDS, SeenIds

SLOT_BYTES = 12  # a digest of 64 bits and a line of 32
FIRST_BYTES = SHARDS * FIRST_SLOTS * SLOT_BYTES


@pytest.mark.slow
@given(
    ids=st.lists(st.text(max_size=3) | st.integers(0, 300).map(str), max_size=400),
    key=st.binary(max_size=64),
)
def test_it_answers_as_a_set_would(ids: list[str], key: bytes) -> None:
    seen = SeenIds(key=key)
    first_lines: dict[str, int] = {}
    for line, each in enumerate(ids, 1):
        assert seen.add(each, line) == (each not in first_lines)
        first_lines.setdefault(each, line)
    assert len(seen) == len(first_lines)
    assert {each: seen.line_of(each) for each in ids} == first_lines
    assert seen.line_of("never added") is None


@pytest.mark.slow
def test_growing_loses_nothing() -> None:
    seen = SeenIds()
    assert all(seen.add(f"id-{n}", n) for n in range(60_000))
    assert not any(seen.add(f"id-{n}") for n in range(60_000))
    assert len(seen) == 60_000
    assert all(seen.line_of(f"id-{n}") == n for n in range(0, 60_000, 997))


@pytest.mark.slow
def test_an_id_takes_at_most_32_bytes_at_any_moment() -> None:
    """Once the 24 KiB that it begins with are filled. While a table grows, it is there twice."""
    seen = SeenIds()
    assert seen.held_bytes == FIRST_BYTES
    for n in range(1, 60_001):
        seen.add(f"request-{n}", n)
        if n >= 1000 and n % 250 == 0:
            held = seen.held_bytes
            growing = 2 * held / SHARDS  # no table is twice as large as the average
            assert held + growing <= 32 * n
    assert seen.held_bytes <= 24 * len(seen)


def test_a_line_beyond_32_bits_is_told_as_the_last_that_fits() -> None:
    seen = SeenIds()
    assert seen.add("a", 2**40)
    assert seen.line_of("a") == 2**32 - 1


def test_halves_of_surrogates_are_ids_too() -> None:
    seen = SeenIds()
    assert seen.add("\ud800")
    assert not seen.add("\ud800")
