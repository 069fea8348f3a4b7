"""Schemas in requests, by each way, for each endpoint."""

import json
from typing import Any

import pytest

from headrace.jobs import InputError, Recipe
from headrace.jobs.forms import SchemaRequest, way_of

FORM: dict[str, Any] = {
    "title": "Ticket label!",
    "type": "object",
    "properties": {"label": {"type": "string"}},
    "required": ["label"],
    "additionalProperties": False,
}
CHAT, MESSAGES, SEARCH = "/v1/chat/completions", "/v1/messages", "/v1/search/completions"


def recipe(**given: Any) -> Recipe:
    return Recipe(**{"model": "m", "user": "{{ q }}", "schema": FORM, **given})


def body(by: Any, kind: Any, schema: dict[str, Any] = FORM, **fields: Any) -> dict[str, Any]:
    given = {"model": "m", "messages": [{"role": "user", "content": "q"}], **fields}
    return SchemaRequest(schema, by, kind).put_into(given)


def test_each_endpoint_has_a_way_of_its_own() -> None:
    assert way_of(recipe(), "r") == "response_format"
    assert way_of(recipe(url=MESSAGES), "r") == "tool"
    assert way_of(recipe(url=SEARCH), "r") == "prompt"
    assert way_of(recipe(url=MESSAGES, schema_by="output_config"), "r") == "output_config"
    assert way_of(recipe(schema=None), "r") is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"schema": None, "schema_by": "tool"}, "schema_by is there and schema is not"),
        ({"url": "/v1/images/generations"}, "schema has no place in a body for /v1/images"),
        ({"schema_by": "output_config"}, "schema_by is one of response_format, tool, prompt"),
        ({"url": MESSAGES, "schema_by": "response_format"}, "one of tool, output_config, prompt"),
        ({"url": SEARCH, "schema_by": "tool"}, "is not told of a schema by tool"),
        (
            {"url": MESSAGES, "body": {"thinking": {"type": "enabled", "budget_tokens": 1024}}},
            'thinking; write schema_by = "output_config" or "prompt"',
        ),
        (
            {"schema_by": "tool", "body": {"thinking": {"type": "enabled"}}},
            'thinking; write schema_by = "response_format" or "prompt"',
        ),
        ({"body": {"response_format": {"type": "text"}}}, r"response_format stands in \[body\]"),
        ({"schema_by": "tool", "body": {"tools": []}}, r"tools stands in \[body\] and is set by"),
        (
            {
                "url": MESSAGES,
                "schema_by": "output_config",
                "body": {"output_config": {"format": 1}},
            },
            "output_config stands in",
        ),
        ({"schema_by": "tool", "schema": {"type": "array"}}, 'the schema\'s type is "array"'),
    ],
)
def test_what_can_not_be_told_is_refused_before_anything_is_sent(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        way_of(recipe(**given), "r.toml")
    assert caught.value.message.startswith("r.toml: ")


def test_thinking_that_is_off_is_none() -> None:
    off = {"thinking": {"type": "disabled"}}
    assert way_of(recipe(url=MESSAGES, body=off), "r") == "tool"


def test_chat_is_told_by_its_response_format_strictly_where_that_can_be() -> None:
    form = body("response_format", "chat")["response_format"]
    assert form == {
        "type": "json_schema",
        "json_schema": {"name": "Ticket_label", "schema": FORM, "strict": True},
    }
    loose = body("response_format", "chat", {**FORM, "required": []})["response_format"]
    assert "strict" not in loose["json_schema"]
    inner = {"$defs": {"a": {"type": "object"}}, "items": {"$ref": "#/$defs/a"}}
    named = body("response_format", "chat", inner)["response_format"]["json_schema"]
    assert (named["name"], "strict" in named) == ("answer", False)


def test_a_tool_is_forced_in_both_protocols() -> None:
    chat = body("tool", "chat")
    assert chat["tools"][0]["function"]["parameters"] == FORM
    assert chat["tool_choice"] == {"type": "function", "function": {"name": "Ticket_label"}}
    messages = body("tool", "messages")
    assert messages["tools"][0]["input_schema"] == FORM
    assert messages["tool_choice"] == {"type": "tool", "name": "Ticket_label"}
    bare = body("tool", "messages", {"properties": {}})
    assert bare["tools"][0]["input_schema"] == {"type": "object", "properties": {}}


def test_an_effort_stands_beside_the_form() -> None:
    made = body("output_config", "messages", output_config={"effort": "low"})
    form = {"type": "json_schema", "schema": FORM}
    assert made["output_config"] == {"effort": "low", "format": form}


def test_words_come_after_the_systems_own() -> None:
    words = "Answer with JSON that fits this JSON schema, and with nothing else:\n"
    words += json.dumps(FORM)
    own = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "q"}]
    made = body("prompt", "chat", messages=own)["messages"]
    assert made == [{"role": "system", "content": f"Be brief.\n\n{words}"}, own[1]]
    assert own[0]["content"] == "Be brief."  # the recipe's own, which others share
    assert body("prompt", "search")["messages"][0] == {"role": "system", "content": words}
    assert body("prompt", "messages")["system"] == words
    blocks = [{"type": "text", "text": "Be brief."}]
    made = body("prompt", "messages", system=blocks)["system"]
    assert made == [*blocks, {"type": "text", "text": words}]
