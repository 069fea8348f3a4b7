"""What clients ask for beyond the reference: choices, tools, forms, images, models, counts."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from headrace.gateway import Key

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
PATH, MESSAGES = "/v1/chat/completions", "/v1/messages"
MODEL = "deepseek-v4-flash"
TIDE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "port": {"type": "string", "enum": ["Brest", "Hull"]},
        "hours": {"type": "integer", "minimum": 1, "maximum": 24},
    },
    "required": ["port", "hours"],
    "additionalProperties": False,
}
FUNCTION = {"type": "function", "function": {"name": "tide", "parameters": TIDE}}
TOOL = {"name": "tide", "input_schema": TIDE}
FORMAT = {"type": "json_schema", "json_schema": {"name": "tide", "schema": TIDE}}


def texts(events: list[tuple[str | None, Any]]) -> dict[int, str]:
    """The text of each choice of a stream."""
    found: dict[int, str] = {}
    for _, data in events[:-1]:
        for choice in data["choices"]:
            text = choice["delta"].get("content") or ""
            found[choice["index"]] = found.get(choice["index"], "") + text
    return found


async def test_each_of_several_choices_is_billed(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of(output_tokens=10)
    client = await connect(gateway)
    whole = (await client.post(PATH, chat("hey", n=3))).json
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    said = [choice["message"]["content"] for choice in whole["choices"]]
    assert len(set(said)) == 3
    assert whole["usage"] == {"prompt_tokens": 7, "completion_tokens": 30, "total_tokens": 37}
    # 7 tokens at 1 and 30 at 2 per million.
    assert 100 - gateway.ledger.balance == Decimal("0.000067")
    single = (await client.post(PATH, chat("hey", n=1))).json
    assert single["usage"]["completion_tokens"] == 10


@pytest.mark.parametrize("include_usage", [None, True])
async def test_several_choices_are_streamed_side_by_side(
    gateway_of: Any,
    connect: "Connect",
    chat: Bodies,
    autojump_clock: object,
    include_usage: bool | None,
) -> None:
    options = {} if include_usage is None else {"stream_options": {"include_usage": True}}
    gateway = gateway_of(output_tokens=4, itl_s=1.0)
    client = await connect(gateway)
    response = await client.post(PATH, chat("hey", n=2, stream=True, **options))
    assert response.event_times() == [0, 1, 2, 3, 4, 5, 6, 7]
    chunks = [data for _, data in response.events[:-1]]
    tokens = [chunk["choices"][0]["index"] for chunk in chunks if len(chunk["choices"]) == 1]
    assert tokens == [0, 1] + [0, 1] * 4 + [0, 1]
    assert len(set(texts(response.events).values())) == 2
    ends = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert ends == [None] * 10 + ["stop"] * 2
    assert [chunk.get("usage", {}).get("completion_tokens") for chunk in chunks[-2:]] == [None, 8]
    assert gateway.log_rows[0].output_tokens == 8


@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        ("required", True),
        ({"type": "function", "function": {"name": "tide"}}, True),
        ("none", False),
    ],
)
async def test_a_call_fits_the_schema_of_its_tool(
    gateway_of: Any, connect: "Connect", chat: Bodies, choice: object, calls: bool
) -> None:
    gateway = gateway_of()
    client = await connect(gateway)
    for _ in range(10):
        body = chat(tools=[FUNCTION], tool_choice=choice)
        answer = (await client.post(PATH, body)).json["choices"][0]
        streamed = await client.post(PATH, body | {"stream": True})
        deltas = [data["choices"][0]["delta"] for _, data in streamed.events[:-1]]
        if not calls:
            assert answer["message"]["content"]
            assert "tool_calls" not in answer["message"]
            continue
        assert list(answer["message"]) == ["role", "content", "tool_calls"]
        assert (answer["message"]["content"], answer["finish_reason"]) == (None, "tool_calls")
        [call] = answer["message"]["tool_calls"]
        assert (call["type"], call["function"]["name"]) == ("function", "tide")
        jsonschema.validate(json.loads(call["function"]["arguments"]), TIDE)
        begun, *rest = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
        assert begun["id"].startswith("call_")
        assert (begun["index"], begun["function"]) == (0, {"name": "tide", "arguments": ""})
        assert all(list(part) == ["index", "function"] for part in rest)
        arguments = "".join(part["function"]["arguments"] for part in rest)
        jsonschema.validate(json.loads(arguments), TIDE)
        assert streamed.events[-2][1]["choices"][0]["finish_reason"] == "tool_calls"
        assert streamed.events[-2][1]["usage"]["completion_tokens"] == len(rest)
    assert [row.status for row in gateway.log_rows] == [200] * 20


async def test_half_of_the_answers_that_may_call_do(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(rpm=None, tpm=None))
    ends = [
        (await client.post(PATH, chat(tools=[FUNCTION]))).json["choices"][0]["finish_reason"]
        for _ in range(100)
    ]
    # 50 expected, and 5 standard deviations around.
    assert 25 <= ends.count("tool_calls") <= 75
    given_back = [
        {"role": "user", "content": "When is high tide?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "tide", "arguments": "{}"},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "at 9"},
    ]
    for number in range(10):
        body = {"model": MODEL, "messages": given_back, "tools": [FUNCTION], "user": str(number)}
        answer = (await client.post(PATH, body)).json["choices"][0]
        ends.append(answer["finish_reason"])
    assert ends[100:] == ["stop"] * 10


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "tide"}])
async def test_messages_call_tools_too(
    gateway_of: Any, connect: "Connect", choice: dict[str, str]
) -> None:
    gateway = gateway_of()
    client = await connect(gateway)
    for number in range(10):
        body = {
            "model": MODEL,
            "max_tokens": 200,
            "messages": [{"role": "user", "content": f"When is high tide? {number}"}],
            "tools": [TOOL],
            "tool_choice": choice,
        }
        message = (await client.post(MESSAGES, body)).json
        assert message["stop_reason"] == "tool_use"
        [block] = message["content"]
        assert list(block) == ["type", "id", "name", "input"]
        assert (block["type"], block["name"]) == ("tool_use", "tide")
        jsonschema.validate(block["input"], TIDE)
        events = (await client.post(MESSAGES, body | {"stream": True})).events
        assert events[1][1]["content_block"] | {"id": "x"} == {
            "type": "tool_use",
            "id": "x",
            "name": "tide",
            "input": {},
        }
        deltas = [data["delta"] for name, data in events if name == "content_block_delta"]
        assert {delta["type"] for delta in deltas} == {"input_json_delta"}
        jsonschema.validate(json.loads("".join(each["partial_json"] for each in deltas)), TIDE)
        assert events[-2][1]["delta"]["stop_reason"] == "tool_use"
    assert [row.status for row in gateway.log_rows] == [200] * 20


async def test_arguments_that_are_cut_say_length(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of())
    fields = {"tools": [FUNCTION], "tool_choice": "required", "max_tokens": 2}
    choice = (await client.post(PATH, chat(**fields))).json["choices"][0]
    assert choice["finish_reason"] == "length"
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter|quotes"):
        json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])
    fields = {"tools": [TOOL], "tool_choice": {"type": "any"}, "max_tokens": 2}
    message = (await client.post(MESSAGES, chat(**fields))).json
    assert (message["stop_reason"], message["content"][0]["input"]) == ("max_tokens", {})


@pytest.mark.parametrize("stream", [False, True])
async def test_a_form_is_kept_to(
    gateway_of: Any, connect: "Connect", chat: Bodies, stream: bool
) -> None:
    client = await connect(gateway_of())

    async def said(form: dict[str, Any]) -> Any:
        response = await client.post(PATH, chat(response_format=form, stream=stream))
        if stream:
            return json.loads(texts(response.events)[0])
        return json.loads(response.json["choices"][0]["message"]["content"])

    for _ in range(10):
        jsonschema.validate(await said(FORMAT), TIDE)
        found = await said({"type": "json_object"})
        assert isinstance(found, dict)
        assert found
    output = {"format": {"type": "json_schema", "schema": TIDE}}
    body = chat(output_config=output, max_tokens=200)
    message = (await client.post(MESSAGES, body)).json
    found = json.loads(message["content"][0]["text"])
    jsonschema.validate(found, TIDE)
    assert found["port"] in ("Brest", "Hull")


async def test_roles_parts_and_null_contents_are_taken(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    turns: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello!"}, image]},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "Hello!"},
    ]
    answer = (await client.post(PATH, {"model": MODEL, "messages": turns})).json
    # 3, and 3 for each message; 9 and 6 characters at 0.3, twice the latter; 1000 for the image.
    assert answer["usage"]["prompt_tokens"] == 3 + 4 * 3 + 3 + 2 + 1000 + 2
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    blocks = [{"type": "image", "source": source}, {"type": "text", "text": "Hello!"}]
    body = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": blocks}]}
    message = (await client.post(MESSAGES, body)).json
    assert message["usage"]["input_tokens"] == 3 + 3 + 2 + 1000
    shown = {"type": "tool_result", "tool_use_id": "t", "content": [blocks[0]]}
    body["messages"] = [{"role": "user", "content": [shown]}]
    assert (await client.post(MESSAGES, body)).json["usage"]["input_tokens"] == 3 + 3 + 1000


USER = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        (PATH, {"messages": [{"role": "assistant"}]}, "Missing required parameter: messages[0]"),
        (PATH, {"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        (PATH, {"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "content[0].type"),
        (PATH, {"n": 0}, "Invalid parameter n"),
        (PATH, {"n": 129}, "Invalid parameter n"),
        (PATH, {"tool_choice": "required"}, "Invalid parameter tool_choice: it asks for a tool"),
        (
            PATH,
            {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "x"}}},
            "Invalid parameter tool_choice: it asks for a tool that is not given.",
        ),
        (PATH, {"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function"),
        (PATH, {"response_format": {"type": "yaml"}}, "Invalid parameter response_format.type"),
        (
            PATH,
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "a",
                        "schema": {
                            "type": "object",
                            "properties": {"id": {"pattern": "^a"}},
                            "required": ["id"],
                        },
                    },
                }
            },
            "Invalid parameter response_format.id: pattern is not supported here.",
        ),
        (MESSAGES, {"tool_choice": {"type": "any"}}, "Invalid parameter tool_choice: it asks"),
        (MESSAGES, {"tools": [{"name": "tide"}]}, "tools[0].input_schema"),
        (
            MESSAGES,
            {"tools": [{"name": "t", "input_schema": False}], "tool_choice": {"type": "any"}},
            "Invalid parameter tools.t: nothing fits false.",
        ),
    ],
)
async def test_what_cannot_be_done_is_a_400_that_names_it(
    gateway_of: Any, connect: "Connect", path: str, fields: dict[str, Any], said: str
) -> None:
    gateway = gateway_of()
    client = await connect(gateway)
    body = {"model": MODEL, "messages": [USER], "max_tokens": 9} | fields
    status, code, message = (await client.post(path, body)).error
    assert (status, code) == (400, "INVALID_PARAMS")
    assert said in message
    assert gateway.ledger.balance == 100


async def test_models_are_listed_for_both_protocols(gateway_of: Any, connect: "Connect") -> None:
    narrow = Key(secret="sk-n", id="1", name="n", models=(MODEL,))
    wide = Key(secret="sk-w", id="2", name="w")
    gateway = gateway_of(keys=(narrow, wide))
    client = await connect(gateway, 1)
    listed = (await client.request("GET", "/v1/models")).json
    assert (listed["object"], listed["has_more"]) == ("list", False)
    assert [model["id"] for model in listed["data"]] == [MODEL, "gpt-image-2"]
    assert {model["object"] for model in listed["data"]} == {"model"}
    one = await client.request("GET", f"/v1/models/{MODEL.replace('-', '%2D')}")
    assert one.json == listed["data"][0]
    missing = await client.request("GET", "/v1/models/gpt-99")
    assert missing.error == (404, "MODEL_NOT_FOUND", "Model gpt-99 not found or offline.")
    few = (await (await connect(gateway)).request("GET", "/v1/models")).json
    assert [model["id"] for model in few["data"]] == [MODEL]
    nobody = await client.request("GET", "/v1/models", headers={"host": "x"})
    assert nobody.status == 401
    assert (await client.request("DELETE", "/v1/models")).status == 405


async def test_counting_tokens_is_free_and_says_what_is_billed(
    gateway_of: Any, connect: "Connect"
) -> None:
    gateway = gateway_of(rpm=1, balance=Decimal(1))
    client = await connect(gateway)
    body = {"model": MODEL, "messages": [USER], "system": "Be brief.", "tools": [TOOL]}
    counts = [(await client.post(f"{MESSAGES}/count_tokens", body)).json for _ in range(3)]
    assert gateway.ledger.balance == 1
    message = (await client.post(MESSAGES, body | {"max_tokens": 9})).json
    assert counts == [{"input_tokens": message["usage"]["input_tokens"]}] * 3
    assert [row.charge for row in gateway.log_rows[:3]] == [0, 0, 0]
    refused = await client.post(f"{MESSAGES}/count_tokens", body | {"model": "gpt-99"})
    assert refused.error[:2] == (404, "MODEL_NOT_FOUND")
    assert (await client.request("GET", f"{MESSAGES}/count_tokens")).headers["allow"] == "POST"


@pytest.mark.parametrize(
    "target",
    ["http://api.test:80/v1/images/generations?x=1", "HTTPS://a@api.test:80/v1/images/generations"],
)
async def test_an_absolute_target_is_that_path_at_that_host(
    gateway_of: Any, connect: "Connect", target: str
) -> None:
    client = await connect(gateway_of())
    answer = await client.post(target, {"model": "gpt-image-2", "prompt": "a mill"})
    assert answer.status == 200
    assert answer.json["data"][0]["url"].startswith("http://api.test:80/images/")
    assert (await client.request("GET", "http://api.test/v1/balance")).status == 200
    assert (await client.request("GET", "http://api.test")).error[2] == "There is nothing at /."


async def test_roles_never_make_more_cached_tokens_than_there_are(
    gateway_of: Any, connect: "Connect"
) -> None:
    # Cached tokens counted the roles' text, prompts a flat number: more of them than input tokens.
    turns = [{"role": "assistant", "content": ""}] * 2000 + [USER]
    gateway = gateway_of(tpm=None)
    client = await connect(gateway)
    for _ in range(2):
        usage = (await client.post(PATH, {"model": MODEL, "messages": turns})).json["usage"]
    assert 0 < usage["prompt_tokens_details"]["cached_tokens"] <= usage["prompt_tokens"]
    assert sum(gateway.ledger.charges.values()) == 100 - gateway.ledger.balance
