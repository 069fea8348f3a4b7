"""Expected answers as values of columns."""

import math

import polars as pl

from headrace.reports.expected_values import expected_number, expected_numbers, expected_texts

TEXTS = ["1" + "0" * 400, "-1" + "0" * 400, "[1, 2.5, true]", '"3"', "null", "not JSON", None]


def test_a_number_beyond_all_floats_is_infinite() -> None:
    """It ended `gate` in a traceback: JSON has numbers of any length."""
    column = pl.DataFrame({"expected": TEXTS}).select(
        expected_number(pl.col("expected")).alias("one"),
        expected_numbers(pl.col("expected")).alias("any"),
    )
    assert column["one"].to_list() == [math.inf, -math.inf, None, None, None, None, None]
    assert column["any"].to_list() == [[math.inf], [-math.inf], [1.0, 2.5], [], None, None, None]


def test_texts_are_as_json_has_them() -> None:
    found = pl.DataFrame({"expected": TEXTS}).select(expected_texts(pl.col("expected")))
    assert found.to_series().to_list()[2:] == [["1", "2.5", "true"], ["3"], None, None, None]
