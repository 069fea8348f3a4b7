"""Vectors put back into the bodies that they came in."""

import base64
import json
import math
from array import array

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.reports.export.vectors import vectors_of_rows, with_vectors

FLOATS = pl.List(pl.List(pl.Float32))


def put_back(response: str, vectors: list[list[float]] | None) -> str:
    [row] = vectors_of_rows(pl.Series("vectors", [vectors], dtype=FLOATS))
    return with_vectors(response, row)


def body(*items: object, indexes: list[int] | None = None) -> str:
    order = indexes or list(range(len(items)))
    data = [{"index": n, "embedding": each} for n, each in zip(order, items, strict=True)]
    return json.dumps({"data": data})


def test_numbers_have_no_more_digits_than_they_came_with() -> None:
    made = put_back(body([], indexes=[0]), [[0.0023064255, -0.1, 1e-9]])
    assert made == '{"data":[{"index":0,"embedding":[0.0023064255,-0.1,1e-9]}]}'


def test_whole_numbers_are_written_as_such() -> None:
    made = put_back(body([], []), [[12.0, -4.0, 0.0, 16777216.0], [1.0, 0.5]])
    assert '"embedding":[12,-4,0,16777216]}' in made
    assert '"embedding":[1.0,0.5]}' in made
    assert "[-0.0,1.0]" in put_back(body([]), [[-0.0, 1.0]])


def test_base64_comes_back_as_base64_in_its_own_order() -> None:
    text = base64.b64encode(array("f", [1.5, math.inf]).tobytes()).decode()
    made = json.loads(put_back(body("", [], indexes=[1, 0]), [[0.5], [1.5, math.inf]]))
    assert [each["embedding"] for each in made["data"]] == [text, [0.5]]


def test_what_is_not_a_number_is_null() -> None:
    assert json.loads(put_back(body([]), [[math.nan]]))["data"][0]["embedding"] == [None]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_every_number_is_the_same_32_bits_again(values: list[float]) -> None:
    made = json.loads(put_back(body([]), [values]))["data"][0]["embedding"]
    assert array("f", made).tobytes() == array("f", values).tobytes()


@pytest.mark.parametrize("response", ["{}", "[]", "no", '{"data":[1]}', body(), body([], [])])
def test_a_body_that_no_run_wrote_stays_as_it_is(response: str) -> None:
    assert put_back(response, [[1.0]]) == response


def test_a_body_without_vectors_stays_as_it_is() -> None:
    assert put_back(body([1.0]), None) == body([1.0])
