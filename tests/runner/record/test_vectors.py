"""Vectors of a segment as a column of lists."""

import base64
import math
from array import array

import polars as pl
import pytest

from headrace.runner.record.vectors import vector_lists


def texts(*rows: list[list[float]] | None) -> pl.Series:
    made = [
        None
        if row is None
        else [base64.b64encode(array("f", each).tobytes()).decode() for each in row]
        for row in rows
    ]
    return pl.Series("vectors", made, dtype=pl.List(pl.String))


def test_rows_have_their_own_vectors_of_any_length() -> None:
    given = [None, [[1.0, 2.0], [3.0]], [[4.0, 5.0]], None, [[6.0]]]
    found = vector_lists(texts(*given))
    assert found.to_list() == given
    assert found.dtype == pl.List(pl.List(pl.Float32))
    assert found.name == "vectors"


def test_rows_without_any_are_null() -> None:
    found = vector_lists(texts(None, None))
    assert (found.to_list(), found.dtype) == ([None, None], pl.List(pl.List(pl.Float32)))
    assert vector_lists(texts()).to_list() == []


def test_what_is_not_a_number_stays_so() -> None:
    [[first, second]] = vector_lists(texts([[math.nan, math.inf]]))[0].to_list()
    assert math.isnan(first)
    assert second == math.inf


def test_what_is_not_base64_is_refused() -> None:
    with pytest.raises(pl.exceptions.PolarsError):
        vector_lists(pl.Series("vectors", [["?"]], dtype=pl.List(pl.String)))
