"""Vectors as they are kept, and which item of an answer holds which."""

import math
from array import array

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import Decided, Result, as_vector, floats_of, places_of

FLOATS = st.lists(st.floats(width=32), min_size=1, max_size=20)


@pytest.mark.slow
@given(FLOATS)
def test_a_vector_comes_back_as_it_was(values: list[float]) -> None:
    vector = as_vector(array("f", values))
    assert len(vector) == 4 * len(values)
    assert as_vector(floats_of(vector)) == vector


def test_vectors_are_little_endian() -> None:
    assert as_vector(array("f", [1.0])) == b"\x00\x00\x80\x3f"


@pytest.mark.parametrize(
    ("indexes", "places"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([2, 0, 1], [2, 0, 1]),
        ([7, 3], [1, 0]),
        ([1, 1], [0, 1]),
        ([None, 0], [0, 1]),
        (["1", "0"], [0, 1]),
    ],
)
def test_vectors_are_in_the_order_of_the_inputs(indexes: list[object], places: list[int]) -> None:
    assert places_of([{"index": index} for index in indexes]) == places


def test_a_recorded_copy_keeps_what_is_not_a_number() -> None:
    """Broke: NaN became null in the journal, which then was damaged."""
    copy = Result(
        index=0,
        custom_id="a",
        url="u",
        model="m",
        status="succeeded",
        attempts=0,
        body_digest="d",
        vectors=[[1.0, math.nan]],
    )
    line = msgspec.json.encode(Decided.of(copy, replaces=False))
    again = msgspec.json.decode(line, type=Decided).whole().result.vectors
    assert again is not None
    assert again[0][0] == 1
    assert math.isnan(again[0][1])
