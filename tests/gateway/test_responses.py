"""Responses of the gateway."""

from collections.abc import Callable
from typing import Any

import pytest

from headrace.gateway import Gateway

URL, MODEL = "/v1/responses", "deepseek-v4-flash"
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
Gateways = Callable[..., Gateway]


async def answered(client: Any, given: Any = "Hello!", **fields: Any) -> Any:
    response = await client.post(URL, {"model": MODEL, "input": given, **fields})
    assert response.status == 200, response.body
    return response


async def test_a_text_is_a_message_with_its_usage(gateway_of: Gateways, connect: Any) -> None:
    served = gateway_of(output_tokens=5)
    body = (await answered(await connect(served), instructions="Be brief.")).json
    assert (body["object"], body["status"], body["error"]) == ("response", "completed", None)
    [item] = body["output"]
    assert (item["type"], item["role"], item["content"][0]["type"]) == (
        "message",
        "assistant",
        "output_text",
    )
    usage = body["usage"]
    assert usage["output_tokens"] == 5
    assert usage["total_tokens"] == usage["input_tokens"] + 5
    [row] = served.log_rows
    assert (row.input_tokens, row.output_tokens) == (usage["input_tokens"], 5)
    assert row.charge * 10**6 == usage["input_tokens"] + 10


async def test_a_limit_makes_it_incomplete(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of(output_tokens=50))
    body = (await answered(client, max_output_tokens=3)).json
    assert (body["status"], body["incomplete_details"]) == (
        "incomplete",
        {"reason": "max_output_tokens"},
    )
    events = (await answered(client, max_output_tokens=3, stream=True)).events
    assert events[-1][0] == "response.incomplete"


async def test_a_stream_has_the_documented_events_and_ends_with_the_whole(
    gateway_of: Gateways, connect: Any
) -> None:
    client = await connect(gateway_of(output_tokens=3))
    events = (await answered(client, stream=True)).events
    names = [name for name, _ in events]
    delta = "response.output_text.delta"
    assert [name for name in names if name != delta] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert names == [data["type"] for _, data in events]
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    texts = [data["delta"] for name, data in events if name == delta]
    whole = events[-1][1]["response"]
    assert whole["output"][0]["content"][0]["text"] == "".join(texts)
    assert whole["usage"]["output_tokens"] == len(texts) == 3


async def test_a_tool_is_called_whole_and_in_pieces(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of())
    fields = {"tools": [TOOL], "tool_choice": {"type": "function", "name": "f"}}
    [item] = (await answered(client, **fields)).json["output"]
    assert (item["type"], item["name"], item["arguments"]) == ("function_call", "f", "{}")
    events = (await answered(client, **fields, stream=True)).events
    pieces = [d["delta"] for n, d in events if n == "response.function_call_arguments.delta"]
    assert "".join(pieces) == "{}"
    given = [item | {"id": "x"}, {"type": "function_call_output", "call_id": "c", "output": [1]}]
    [told] = (await answered(client, given, tools=[TOOL])).json["output"]
    assert told["type"] == "message"


async def test_a_form_is_kept_to(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of())
    schema = {"type": "object", "properties": {"a": {"const": 7}}, "required": ["a"]}
    form = {"type": "json_schema", "name": "x", "schema": schema}
    body = (await answered(client, text={"format": form})).json
    assert body["output"][0]["content"][0]["text"] == '{"a": 7}'
    loose = (await answered(client, text={"format": {"type": "json_object"}})).json
    assert loose["output"][0]["content"][0]["text"].startswith("{")
    plain = (await answered(client, text={"format": {"type": "text"}})).json
    assert plain["text"] == {"format": {"type": "text", "name": None, "schema": None}}


async def test_parts_count_and_long_inputs_are_cached(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of(output_tokens=1))
    parts = [{"type": "input_text", "text": "abcd"}, {"type": "input_image", "image_url": "u"}]
    usage = (await answered(client, [{"role": "user", "content": parts}])).json["usage"]
    assert usage["input_tokens"] == 3 + 3 + 2 + 1000
    await answered(client, "word " * 500)
    usage = (await answered(client, "word " * 500)).json["usage"]
    assert usage["input_tokens_details"]["cached_tokens"] > 500


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"previous_response_id": "resp_1"}, 404),
        ({"background": True}, 400),
        ({"tools": [{"type": "web_search"}]}, 400),
        ({"tool_choice": "required"}, 400),
        ({"input": []}, 400),
        ({"input": ""}, 400),
    ],
)
async def test_what_is_not_kept_or_not_there_is_refused(
    gateway_of: Gateways, connect: Any, fields: dict[str, Any], status: int
) -> None:
    client = await connect(gateway_of())
    response = await client.post(URL, {"model": MODEL, "input": "x", **fields})
    assert response.error[0] == status
