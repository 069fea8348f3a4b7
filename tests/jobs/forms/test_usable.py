"""Schemas that answers can't be held against are refused before anything is sent."""

import socket
import subprocess
import sys
from typing import Any

import pytest

from headrace.jobs import InputError
from headrace.jobs.forms import check_schema


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "it is not an object"),
        (True, "it is not an object"),
        ({"type": "objekt"}, r"\$.type: 'objekt' is not valid"),
        ({"required": "label"}, r"\$.required: 'label' is not of type 'array'"),
        ({"$schema": "https://example.org/mine"}, "which is not a draft of JSON schema"),
        ({"$schema": 7}, "which is not a draft of JSON schema"),
        ({"$ref": "#"}, "it refers to itself without end"),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#"}}}, "without end"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, r"\$ref '#/\$defs/b' leads nowhere"),
        ({"items": {"$ref": "https://example.org/s"}}, "nothing outside of it is fetched"),
        ({"pattern": "(?=x)"}, "can't be checked in bounded time"),
        ({"properties": {"a": {"pattern": r"(a)\1"}}}, "can't be checked in bounded time"),
        ({"patternProperties": {"(?<!x)y": {}}}, "can't be checked in bounded time"),
        ({"pattern": "("}, "can't be checked in bounded time"),
        (
            {"allOf": [{"patternProperties": {"a": {}}}], "unevaluatedProperties": False},
            "unevaluatedProperties beside patternProperties",
        ),
        (deep(5000), "it is nested too deeply"),
    ],
)
def test_it_is_told_in_one_line(schema: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)  # nothing is fetched
    with pytest.raises(InputError, match=said) as caught:
        check_schema(schema, "form.json")
    assert caught.value.message.startswith("form.json")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"pattern": {"type": "string"}}},
        {"enum": [{"pattern": "(?=x)"}, {"$ref": "#/gone"}]},
        {"pattern": r"^\p{L}+\/\d$"},
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"a": {}},
            "items": {"$ref": "#/definitions/a"},
        },
        {"$id": "https://example.org/tree", "items": {"$ref": "https://example.org/tree"}},
        {
            "$defs": {"a": {"$id": "https://example.org/a"}},
            "items": {"$ref": "https://example.org/a"},
        },
        {"$defs": {"a": {"$anchor": "here"}}, "items": {"$ref": "#here"}},
    ],
)
def test_what_is_a_schema_is_given_back(schema: dict[str, Any]) -> None:
    assert check_schema(schema, "form.json") is schema


@pytest.mark.slow
def test_jsonschema_is_loaded_only_where_there_is_a_schema() -> None:
    """It takes as long to load as all else that a run needs."""
    code = (
        "import sys, headrace.runner.bulk, headrace.runner.session, headrace.jobs.datasets\n"
        "import headrace.jobs.forms, headrace.reports.join\n"
        "print('jsonschema' in sys.modules, 'referencing' in sys.modules)\n"
        "headrace.jobs.forms.check_schema({}, 'x')\n"
        "print('jsonschema' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False", "True"]
