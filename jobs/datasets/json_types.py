"""Rows of JSON as frames: the types that fit all values of a column, and the columns made of them.

A column whose values have no type in common, such as texts and objects, becomes text: its texts as
they are, and anything else as JSON.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import msgspec
import polars as pl

# Types by column; None where the values of a column have none in common.
Types = dict[str, Any]

_SCALARS: dict[type, Any] = {
    type(None): pl.Null(),
    str: pl.String(),
    int: pl.Int64(),
    float: pl.Float64(),
    bool: pl.Boolean(),
}
_INT64 = range(-(2**63), 2**63)


class _MixedError(Exception):
    """Some values have no type in common."""


def widened(known: Types, rows: Sequence[Mapping[str, Any]]) -> Types:
    """The types of columns, widened to what these rows hold; columns in order of appearance."""
    found = dict(known)
    for name in dict.fromkeys(key for row in rows for key in row):
        before = found.get(name, pl.Null())
        if before is not None:
            try:
                found[name] = _merged(before, _type_of([row.get(name) for row in rows]))
            except _MixedError:
                found[name] = None
    return found


def json_frame(rows: Sequence[Mapping[str, Any]], types: Types) -> pl.DataFrame:
    """The columns of some rows, in types that are wide enough for them."""
    return pl.DataFrame(
        [_series(name, [row.get(name) for row in rows], dtype) for name, dtype in types.items()]
    )


def _series(name: str, values: list[Any], dtype: Any) -> pl.Series:
    if dtype is not None:
        return pl.Series(name, values, dtype=dtype, strict=False)
    texts = [
        each if each is None or isinstance(each, str) else msgspec.json.encode(each).decode()
        for each in values
    ]
    return pl.Series(name, texts, dtype=pl.String)


def _type_of(values: Iterable[Any]) -> Any:
    """The type that fits them all. Raises _MixedError."""
    kinds = {type(each) for each in values}
    found = [_SCALARS[kind] for kind in kinds if kind in _SCALARS]
    if int in kinds and any(type(each) is int and each not in _INT64 for each in values):
        raise _MixedError
    if list in kinds:
        inner = [item for each in values if isinstance(each, list) for item in each]
        found.append(pl.List(_type_of(inner)))
    if dict in kinds:
        objects = [each for each in values if isinstance(each, dict)]
        names = dict.fromkeys(key for each in objects for key in each)
        fields = {name: _type_of([each.get(name) for each in objects]) for name in names}
        found.append(pl.Struct(fields))
    return reduce(_merged, found, pl.Null())


def _merged(a: Any, b: Any) -> Any:
    """The type that holds what both do. Raises _MixedError where there is none."""
    if a == b or b == pl.Null():
        return a
    if a == pl.Null():
        return b
    if {a, b} == {pl.Int64(), pl.Float64()}:
        return pl.Float64()
    if isinstance(a, pl.List) and isinstance(b, pl.List):
        return pl.List(_merged(a.inner, b.inner))
    if isinstance(a, pl.Struct) and isinstance(b, pl.Struct):
        known, more = ({each.name: each.dtype for each in one.fields} for one in (a, b))
        names = dict.fromkeys([*known, *more])
        null = pl.Null()
        return pl.Struct({n: _merged(known.get(n, null), more.get(n, null)) for n in names})
    raise _MixedError
