"""What jobs expect as values: a column of JSON text, as conditions compare it.

Text in JSON is what it says, without its quotes; a number, true, false or an object is its JSON
text where it is compared with text. A list stands for any of what it holds, as it does for the
scorer `exact`.
"""

import math
from typing import Any

import msgspec
import polars as pl


def expected_value(text: str | None) -> Any:
    """The value that a job's `expected` (JSON text) stands for; None where there is none."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None  # not what a run recorded


def expected_texts(column: pl.Expr) -> pl.Expr:
    """The texts that each row's expected answer may be, as a list; null without one."""
    return column.map_batches(_texts, return_dtype=pl.List(pl.String))


def expected_numbers(column: pl.Expr) -> pl.Expr:
    """The numbers that it may be, as a list, which is empty where none of it is one."""
    return column.map_batches(_numbers, return_dtype=pl.List(pl.Float64))


def expected_number(column: pl.Expr) -> pl.Expr:
    """The number that it is; null where it is none, or a list."""
    return column.map_batches(_number, return_dtype=pl.Float64)


def _texts(column: pl.Series) -> pl.Series:
    found = [
        None if (value := expected_value(text)) is None else _options(value) for text in column
    ]
    return pl.Series(column.name, found, dtype=pl.List(pl.String))


def _options(value: Any) -> list[str]:
    return [
        each if isinstance(each, str) else msgspec.json.encode(each).decode()
        for each in (value if isinstance(value, list) else [value])
    ]


def _numbers(column: pl.Series) -> pl.Series:
    found: list[list[float] | None] = []
    for text in column:
        value = expected_value(text)
        options = value if isinstance(value, list) else [value]
        found.append(None if value is None else [_float(each) for each in options if _counts(each)])
    return pl.Series(column.name, found, dtype=pl.List(pl.Float64))


def _number(column: pl.Series) -> pl.Series:
    values = map(expected_value, column)
    found = [_float(value) if _counts(value) else None for value in values]
    return pl.Series(column.name, found, dtype=pl.Float64)


def _float(value: float) -> float:
    """A number as a float; one that is beyond all of them is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _counts(value: Any) -> bool:
    """Whether it is a number. (In Python true is one.)"""
    return isinstance(value, int | float) and not isinstance(value, bool)
