"""The fields of a schema as columns of a type, whatever the answers say.

A schema may come from somebody else's run.json: nothing in it is relied on.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec
import polars as pl

Convert = Callable[[Any], Any]
# Parts of a schema that are looked at: what refers to itself, or to others many times, is JSON text
# from there on.
PARTS_MAX = 2_000
DEPTH_MAX = 20
INTEGERS = range(-(2**63), 2**63)
_encode = msgspec.json.Encoder(enc_hook=str).encode


class Field(NamedTuple):
    """The type of a column, and what makes a value of it from one of JSON; None is what has no
    place in it."""

    dtype: Any
    convert: Convert


def fields_of(schema: Any) -> dict[str, Field]:
    """The fields that answers of a schema have, by name; none where it is not about an object."""
    reader = _Reader(schema)
    plain = reader.plain(schema, ())[0]
    properties = plain.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: reader.field(each, (), 1) for name, each in properties.items()}


def taken_apart(texts: Iterable[str | None], fields: dict[str, Field]) -> list[pl.Series]:
    """A column for each field, of answers that are JSON; None has no values."""
    columns: dict[str, list[Any]] = {name: [] for name in fields}
    decode = msgspec.json.Decoder().decode
    for text in texts:
        try:
            answer = None if text is None else decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            answer = None
        found = answer if isinstance(answer, dict) else {}
        for name, field in fields.items():
            value = found.get(name)
            columns[name].append(None if value is None else field.convert(value))
    return [
        pl.Series(name, values, dtype=fields[name].dtype, strict=False)
        for name, values in columns.items()
    ]


class _Reader:
    """Reads types out of a schema."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = PARTS_MAX

    def field(self, schema: Any, within: tuple[str, ...], depth: int) -> Field:
        """The type of what fits a schema; `within` are the references that led to it."""
        self._left -= 1
        if self._left < 0 or depth > DEPTH_MAX:
            return JSON
        plain, within = self.plain(schema, within)
        kinds = _kinds(plain)
        if kinds == {"array"}:
            inner = self.field(plain.get("items"), within, depth + 1)
            return Field(pl.List(inner.dtype), _list(inner.convert))
        properties = plain.get("properties")
        if kinds == {"object"} and isinstance(properties, dict) and properties:
            fields = {
                name: self.field(each, within, depth + 1) for name, each in properties.items()
            }
            shape = {name: each.dtype for name, each in fields.items()}
            return Field(pl.Struct(shape), _struct(fields))
        if kinds == {"integer", "number"}:
            kinds = {"number"}
        return SCALARS.get(next(iter(kinds)), JSON) if len(kinds) == 1 else JSON

    def plain(self, schema: Any, within: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """A schema without references and without what only says that it may be null."""
        while isinstance(schema, dict):
            reference = schema.get("$ref")
            if isinstance(reference, str):
                if reference in within:
                    break
                within = (*within, reference)
                schema = self._referred(reference)
                continue
            inner = next((schema[n] for n in ("anyOf", "oneOf", "allOf") if n in schema), None)
            others = [each for each in inner if each != NULL] if isinstance(inner, list) else []
            if len(others) != 1 or "properties" in schema:
                return schema, within
            schema = others[0]
        return {}, within

    def _referred(self, reference: str) -> Any:
        found = self._root
        for step in reference.partition("#")[2].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict):
                return None
            found = found.get(name)
        return found if reference.startswith("#") else None


def _kinds(schema: dict[str, Any]) -> set[str]:
    """The types that values may have, but for null; none where the schema leaves that open."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(values, list):
        return {_kind(each) for each in values if each is not None}
    said = schema.get("type")
    if said is None:
        return {"object"} if "properties" in schema else set()
    kinds = said if isinstance(said, list) else [said]
    return {each for each in kinds if isinstance(each, str)} - {"null"}


def _kind(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return names.get(type(value), "other")


def _integer(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value in INTEGERS else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _list(convert: Convert) -> Convert:
    def converted(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return [None if each is None else convert(each) for each in value]

    return converted


def _struct(fields: dict[str, Field]) -> Convert:
    def converted(value: Any) -> Any:
        if not isinstance(value, dict):
            return None
        return {
            name: None if (each := value.get(name)) is None else field.convert(each)
            for name, field in fields.items()
        }

    return converted


NULL = {"type": "null"}
# What can have several types, or any: its JSON.
JSON = Field(pl.String(), lambda value: _encode(value).decode())
SCALARS = {
    "string": Field(pl.String(), lambda value: value if isinstance(value, str) else None),
    "boolean": Field(pl.Boolean(), lambda value: value if isinstance(value, bool) else None),
    "integer": Field(pl.Int64(), _integer),
    "number": Field(pl.Float64(), _number),
}
