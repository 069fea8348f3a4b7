"""The input of a tool that was called, as JSON text."""

import json
from typing import Any

import pytest

from headrace.runner.answers import tool_input


def chat(arguments: Any) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "answer", "arguments": arguments}}
    return {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (chat('{"a": 1.50}'), '{"a": 1.50}'),
        (chat('{"a": '), '{"a": '),  # cut
        (chat({"a": 1}), '{"a":1}'),  # as some services say it
        ({"choices": [{"message": {"content": "no"}}]}, None),
        ({"choices": []}, None),
        (
            {"content": [{"type": "text", "text": "x"}, {"type": "tool_use", "input": {"b": "é"}}]},
            '{"b":"é"}',
        ),
        ({"content": [{"type": "tool_use", "input": '{"b": '}]}, '{"b": '),
        ({"content": [{"type": "text", "text": "x"}]}, None),
        ({"content": "x"}, None),
        ([], None),
        ({}, None),
    ],
)
def test_it_is_that_of_the_first_call(body: Any, text: str | None) -> None:
    assert tool_input(json.dumps(body)) == text


def test_what_is_not_json_calls_nothing() -> None:
    assert [tool_input(each) for each in (None, "", "{", "x")] == [None] * 4
