"""Answers held against a form: as jsonschema has it, in bounded time, and told in words."""

import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.jobs.forms import Form, TooLongError, check_schema
from headrace.jobs.forms.form import FAULT_CHARACTERS_MAX, FAULTS_TOLD

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": {"enum": ["a", "b"]},
        "n": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}},
    },
    "required": ["label"],
    "additionalProperties": False,
}


def fault(schema: dict[str, Any], text: str | None) -> str | None:
    return Form(schema, "response_format").fault(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"label": "a", "n": 3, "tags": ["x"]}', None),
        ('{"label": "c"}', "$.label: 'c' is not one of ['a', 'b']"),
        ("{}", "$: 'label' is a required property"),
        ('{"label": "a", "n": -1}', "$.n: -1 is less than the minimum of 0"),
        ('{"label": "a", "tags": ["x", "Y"]}', "$.tags[1]: 'Y' does not match '^[a-z]+$'"),
        (
            '{"label": "a", "z": 1}',
            "$: 'z' is not one of the properties, and no other is allowed",
        ),
        (
            '{"n": "x", "z": 1}',
            "$.n: 'x' is not of type 'integer'; $: 'label' is a required property; "
            "$: 'z' is not one of the properties, and no other is allowed",
        ),
        ("[]", "$: [] is not of type 'object'"),
        ("{", "the answer is not JSON: Input data was truncated"),
        (
            '{"label": NaN}',
            "the answer is not JSON: JSON is malformed: invalid character (byte 10)",
        ),
        ("", "the answer has no text"),
        (" \n", "the answer has no text"),
        (None, "the answer has no text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str | None, said: str | None) -> None:
    assert fault(SCHEMA, text) == said


def test_of_alternatives_the_nearest_is_told() -> None:
    schema = {"anyOf": [{"type": "null"}, {"type": "object", "required": ["a", "b"]}]}
    assert fault(schema, '{"a": 1}') == "$: 'b' is a required property"


def test_a_fault_is_cut_in_the_middle_and_few_are_told() -> None:
    schema = {"properties": {f"p{n}": {"type": "integer"} for n in range(9)}}
    said = fault(schema, json.dumps({f"p{n}": "x" * 10_000 for n in range(9)})) or ""
    assert len(said) < FAULTS_TOLD * (FAULT_CHARACTERS_MAX + 50)
    assert said.count("is not of type 'integer'") == FAULTS_TOLD


@pytest.mark.parametrize(
    ("schema", "fits", "unfit"),
    [
        ({"multipleOf": 0.01}, "19.99", "19.995"),
        (
            {"uniqueItems": True},
            '[1, true, "1", {"a": 1}, {"a": 2}]',
            '[{"a": [1, 0]}, {"a": [1.0, 0]}]',
        ),
        ({"uniqueItems": True}, "[0, false]", "[1, 2, 1.0]"),
        ({"patternProperties": {"^n": {"type": "integer"}}}, '{"n": 1, "x": "y"}', '{"n1": "y"}'),
        (
            {"patternProperties": {"^n": {}}, "additionalProperties": {"type": "null"}},
            '{"n": 1, "x": null}',
            '{"x": 1}',
        ),
        ({"patternProperties": {"^n": {}}, "additionalProperties": False}, '{"n": 1}', '{"x": 1}'),
        ({"pattern": "é$"}, '"café"', '"cafe"'),
        ({"propertyNames": {"pattern": "^[a-z]$"}}, '{"a": 1}', '{"A": 1}'),
        ({"type": "integer"}, "1.0", "1.5"),
        (
            {
                "$ref": "#/$defs/a",
                "$defs": {"a": {"items": {"$ref": "#/$defs/a"}, "type": "array"}},
            },
            "[[], [[]]]",
            "[[1]]",
        ),
    ],
)
def test_rules_of_our_own_say_what_the_standard_says(
    schema: dict[str, Any], fits: str, unfit: str
) -> None:
    check_schema(schema, "the schema")
    assert fault(schema, fits) is None
    assert fault(schema, unfit) is not None


def test_no_pattern_takes_more_time_than_its_text_is_long() -> None:
    """Python's own engine would be at it for longer than the universe."""
    began = time.perf_counter()
    said = fault({"pattern": "^(a+)+$"}, json.dumps("a" * 100_000 + "!"))
    assert said is not None
    assert time.perf_counter() - began < 30


def test_an_answer_that_would_take_for_ever_is_left_and_told() -> None:
    """Each level is looked at in two ways: 2^40 looks."""
    both = [
        {"type": "array", "items": {"$ref": "#"}},
        {"type": "array", "minItems": 0, "items": {"$ref": "#"}},
    ]
    form = Form({"anyOf": [*both, {"const": 2}]}, "tool")
    deep = "[" * 40 + "1.5" + "]" * 40
    with pytest.raises(TooLongError):
        form.fault(deep, soon=True)
    assert form.fault("2", soon=True) is None  # the next one has all its steps again


def test_what_is_nested_too_deeply_is_told() -> None:
    assert "nested too deeply" in (fault({}, "[" * 100_000 + "]" * 100_000) or "")
    recursive = {"items": {"$ref": "#"}}
    assert "nested too deeply" in (fault(recursive, "[" * 500 + "]" * 500) or "")


def test_fences_are_taken_off_only_where_it_was_asked_in_words() -> None:
    asked, forced = Form({}, "prompt"), Form({}, "response_format")
    fenced = ["```json\n{}\n```", " ```\n{}\n```\n", "```JSON\r\n{}```"]
    assert [asked.bare(text) for text in fenced] == ["{}"] * 3
    assert [forced.bare(text) for text in fenced] == fenced
    assert asked.bare("Here: ```\n{}\n```") == "Here: ```\n{}\n```"


# -- against jsonschema itself

SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([0.5, 1.0])
    | st.text("ab", max_size=2)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(
                ["object", "array", "string", "integer", "number", "boolean", "null"]
            ),
            "enum": st.lists(SCALARS, min_size=1, max_size=3),
            "minimum": st.integers(-3, 3),
            "maxLength": st.integers(0, 2),
            "pattern": st.sampled_from(["^a", "b$", "a|b", "^$"]),
            "uniqueItems": st.booleans(),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
        },
    )

    def wider(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
                "required": st.lists(st.sampled_from("abc"), unique=True, max_size=2),
                "additionalProperties": st.booleans() | inner,
                "patternProperties": st.dictionaries(
                    st.sampled_from(["^a", "b"]), inner, max_size=1
                ),
                "items": inner,
                "anyOf": st.lists(inner, min_size=1, max_size=2),
                "not": inner,
            },
        )

    return st.recursive(leaf, wider, max_leaves=4)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(schema=schemas(), value=VALUES)
def test_an_answer_fits_where_jsonschema_says_so(schema: dict[str, Any], value: Any) -> None:
    check_schema(schema, "the schema")
    said = fault(schema, json.dumps(value))
    assert (said is None) == jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(schema=schemas(), text=st.text() | VALUES.map(json.dumps))
def test_any_text_is_told_about_in_one_line(schema: dict[str, Any], text: str) -> None:
    said = fault(schema, text)
    assert said is None or (said and "\n" not in said)
