"""The fields of a schema as typed columns, whatever schema and answers are."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.reports.join.fields import fields_of, taken_apart


def types(**properties: Any) -> dict[str, Any]:
    found = fields_of({"type": "object", "properties": properties})
    return {name: field.dtype for name, field in found.items()}


def column(schema: Any, *values: Any) -> list[Any]:
    """What becomes of these values of a field `a`."""
    fields = fields_of({"properties": {"a": schema}})
    (found,) = taken_apart([json.dumps({"a": value}) for value in values], fields)
    return found.to_list()


def test_each_type_has_its_column() -> None:
    assert types(
        s={"type": "string"},
        i={"type": "integer"},
        n={"type": ["number", "null"]},
        b={"type": "boolean"},
        e={"enum": ["x", "y", None]},
        k={"const": 3},
        o={"anyOf": [{"type": "integer"}, {"type": "null"}]},
        x={"enum": [1, 2.5]},
        l={"type": "array", "items": {"type": "string"}},
        d={"type": "object", "properties": {"p": {"type": "number"}}},
    ) == {
        "s": pl.String(),
        "i": pl.Int64(),
        "n": pl.Float64(),
        "b": pl.Boolean(),
        "e": pl.String(),
        "k": pl.Int64(),
        "o": pl.Int64(),
        "x": pl.Float64(),
        "l": pl.List(pl.String()),
        "d": pl.Struct({"p": pl.Float64()}),
    }


def test_references_lead_to_their_types_and_one_that_goes_round_is_json() -> None:
    schema = {
        "$ref": "#/$defs/Tree",
        "$defs": {
            "Tree": {
                "type": "object",
                "properties": {
                    "name": {"$ref": "#/$defs/a~1b"},
                    "left": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]},
                },
            },
            "a/b": {"type": "string"},
        },
    }
    fields = fields_of(schema)
    assert fields["name"].dtype == pl.String()
    assert fields["left"].dtype == pl.Struct({"name": pl.String(), "left": pl.String()})
    text = json.dumps({"name": "r", "left": {"name": "l", "left": {"name": "ll"}}})
    name, left = taken_apart([text], fields)
    assert name.to_list() == ["r"]
    assert left.to_list() == [{"name": "l", "left": '{"name":"ll"}'}]


def test_what_has_no_place_in_a_column_is_null_and_what_may_be_anything_is_json() -> None:
    assert column({"type": "integer"}, 1, 2.0, 2**70, True, "x", None) == [1, 2, *[None] * 4]
    assert column({"type": "number"}, 1, 1.5, True, 10**400) == [1.0, 1.5, None, None]
    assert column({"type": "string"}, "é", 1) == ["é", None]
    assert column({}, "é", [1, {"a": None}], 1.0) == ['"é"', '[1,{"a":null}]', "1.0"]
    assert column({"type": ["string", "integer"]}, 1, "1") == ["1", '"1"']
    assert column({"items": {}, "type": "array"}, [1, None]) == [["1", None]]


@pytest.mark.parametrize("text", [None, "", "[1]", "{", '"x"', "null"])
def test_an_answer_that_is_not_an_object_has_no_values(text: str | None) -> None:
    (found,) = taken_apart([text], fields_of({"properties": {"a": {"type": "integer"}}}))
    assert found.to_list() == [None]
    assert found.dtype == pl.Int64


def test_a_schema_of_anything_else_has_no_fields() -> None:
    odd: list[Any] = [
        None,
        5,
        [],
        {"type": "array"},
        {"properties": 5},
        {"$ref": "#"},
        {"$ref": "x"},
    ]
    assert [fields_of(each) for each in odd] == [{}] * 7


def test_no_schema_takes_for_ever_or_nests_without_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"type": "array", "items": deep}
    defs = {}
    for n in range(40):
        following = {"$ref": f"#/$defs/d{n + 1}"}
        defs[f"d{n}"] = {"properties": {"l": following, "r": following}}
    both = {"$ref": "#/$defs/d0"}
    fields = fields_of({"properties": {"deep": deep, "both": both}, "$defs": defs})
    columns = taken_apart(['{"deep": [], "both": {"l": {"r": 1}}}'], fields)
    assert [each.name for each in columns] == ["deep", "both"]
    assert str(fields["deep"].dtype).count("List") == 20


KEYWORDS = ["type", "items", "properties", "anyOf", "$ref", "enum", "a"]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "items", "properties", "anyOf", "$ref", "enum", "a"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
SCHEMA = st.fixed_dictionaries(
    {},
    optional={
        "type": KINDS | st.lists(KINDS),
        "items": ANY,
        "properties": st.dictionaries(st.text("ab"), ANY),
    },
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(schema=SCHEMA | ANY, values=st.lists(ANY, max_size=4))
def test_any_schema_takes_any_answer(schema: Any, values: list[Any]) -> None:
    fields = fields_of({"type": "object", "properties": {"a": schema}})
    (found,) = taken_apart([json.dumps({"a": value}) for value in values], fields)
    assert (found.dtype, len(found)) == (fields["a"].dtype, len(values))
