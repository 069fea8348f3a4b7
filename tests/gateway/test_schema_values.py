"""Values made for a JSON schema fit it, as another implementation judges."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.gateway.draws import SeededDraws, digest
from headrace.gateway.errors import ApiError
from headrace.gateway.schema_values import SchemaValues
from headrace.gateway.text import TextGenerator

GENERATOR = TextGenerator(0)


def made(schema: Any, seed: int = 0) -> Any:
    draws = SeededDraws(digest(seed, b"test"))
    values = SchemaValues(schema, draws, lambda: GENERATOR.phrase(draws), place="schema")
    return json.loads(json.dumps(values.make()))


BOUND = st.integers(-50, 50) | st.floats(-50, 50, allow_nan=False)
LEAVES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["boolean", "null", "string", "integer"])}),
    st.fixed_dictionaries({"type": st.just(["string", "null"])}),
    st.fixed_dictionaries({"enum": st.lists(st.sampled_from(["a", 1, None, True]), min_size=1)}),
    st.fixed_dictionaries({"const": st.sampled_from(["x", 2.5, False, [1], {"k": 1}])}),
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={"minLength": st.integers(0, 30), "maxLength": st.integers(30, 90)},
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["number", "integer"])},
        optional={
            "minimum": BOUND,
            "exclusiveMinimum": BOUND,
            "maximum": BOUND.map(lambda bound: bound + 102),
            "exclusiveMaximum": BOUND.map(lambda bound: bound + 102),
            "multipleOf": st.sampled_from([1, 2, 5]),
        },
    ),
)


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b", "c", "水"])
    return st.one_of(
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(names, inner, max_size=3),
                "required": st.lists(names, unique=True, max_size=3),
            }
        ),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"minItems": st.integers(0, 2), "maxItems": st.integers(2, 4)},
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
    )


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(schema=st.recursive(LEAVES, larger, max_leaves=8), seed=st.integers(0, 5))
def test_what_is_made_fits(schema: Any, seed: int) -> None:
    value = made(schema, seed)
    assert jsonschema.Draft202012Validator(schema).is_valid(value)
    assert made(schema, seed) == value


NODE = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                "below": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            },
            "required": ["name", "next", "below"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/Node",
}
PETS = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"kind": {"const": kind}, kind: {"type": "integer"}},
            "required": ["kind", kind],
        }
        for kind in ("cat", "dog")
    ]
}
FORMATS = ("date-time", "date", "time", "duration", "email", "ipv4", "ipv6", "uuid", "hostname")


@pytest.mark.parametrize(
    "schema",
    [
        NODE,
        PETS,
        True,
        {},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}},
                {"properties": {"a": {"maximum": 4}}, "required": ["a"]},
            ]
        },
        {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
        {"type": "number", "minimum": 0.1, "maximum": 0.1},
        {"type": "number", "multipleOf": 0.01, "minimum": 0.28, "maximum": 0.3},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
        {"properties": {"a": False}, "required": ["b"], "additionalProperties": {"type": "null"}},
        {"minimum": 7, "maximum": 8},
        *({"type": "string", "format": name} for name in FORMATS),
    ],
)
def test_what_the_usual_tools_write_is_understood(schema: Any) -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
    values = [made(schema, seed) for seed in range(30)]
    assert [value for value in values if validator.is_valid(value)] == values


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "pattern": "^a"}, "schema: pattern is not supported here"),
        ({"properties": {"a": {"not": {}}}, "required": ["a"]}, "schema.a: not is not supported"),
        (False, "schema: nothing fits false"),
        ({"type": "strnig"}, "schema: type is 'strnig'"),
        ({"type": "string", "minLength": 10**9}, "minLength is 1000000000; at most 10000"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "minItems is 3 and maxItems 2"),
        ({"type": "integer", "minimum": 0.1, "maximum": 0.9}, "no multiple of 1 lies"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "no number lies within its bounds"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "https://x.example/s.json"}, "only references within the schema"),
        ({"$ref": "#"}, "never end"),
        ({"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}, "never end"),
        (
            {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
            "too many or too deep",
        ),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf apart; use anyOf"),
        ({"enum": []}, "no value of its enum or const fits"),
        ({"enum": [1], "minimum": 3}, "minimum beside enum"),
        ({"required": ["a"], "additionalProperties": False}, "it requires 'a' and does not allow"),
        ({"items": {"const": 1}, "minItems": 2, "uniqueItems": True}, "2 items that all differ"),
        ({"type": "string", "format": "uuid", "maxLength": 5}, "uuid does not have 0 to 5"),
        ({"type": "array", "minItems": 9000, "items": {"type": "object"}}, "too many"),
    ],
)
def test_what_cannot_be_made_is_a_400_that_names_the_place(schema: Any, said: str) -> None:
    with pytest.raises(ApiError) as caught:
        made(schema)
    assert caught.value.status == 400
    assert caught.value.message.startswith("Invalid parameter schema")
    assert said in caught.value.message
