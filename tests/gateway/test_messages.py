"""POST /v1/messages, whole and streamed."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

PATH = "/v1/messages"


def body(**fields: Any) -> dict[str, Any]:
    return {
        "model": "deepseek-v4-flash",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": "Hello!"}],
        **fields,
    }


async def test_a_message_has_the_fields_of_the_reference(
    gateway_of: Any, connect: "Connect"
) -> None:
    client = await connect(gateway_of(output_tokens=10))
    message = (await client.post(PATH, body())).json
    assert list(message) == [
        "id",
        "type",
        "role",
        "model",
        "stop_reason",
        "stop_sequence",
        "content",
        "usage",
    ]
    assert message["id"].startswith("msg_")
    assert message["type"] == "message"
    assert message["role"] == "assistant"
    assert message["stop_reason"] == "end_turn"
    assert message["stop_sequence"] is None
    [block] = message["content"]
    assert list(block) == ["type", "text"]
    assert block["type"] == "text"
    assert block["text"]
    # 3 for the prompt, 3 for the message, and 6 characters at 0.3.
    assert message["usage"] == {"input_tokens": 8, "output_tokens": 10}


async def test_blocks_count_as_their_text(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    blocks = [{"type": "text", "text": "Hello!"}]
    plain = (await client.post(PATH, body(system="Hello!"))).json
    blocked = (
        await client.post(PATH, body(system=blocks, messages=[{"role": "user", "content": blocks}]))
    ).json
    assert plain["usage"]["input_tokens"] == blocked["usage"]["input_tokens"] == 13


async def test_a_stream_has_the_events_of_the_reference_in_order(
    gateway_of: Any, connect: "Connect"
) -> None:
    client = await connect(gateway_of(output_tokens=3))
    events = (await client.post(PATH, body(stream=True))).events
    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(data["type"] == name for name, data in events)
    started = events[0][1]["message"]
    assert started["usage"] == {"input_tokens": 8, "output_tokens": 0}
    assert started["stop_reason"] is None
    assert started["content"] == []
    assert events[1][1] == {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    for _, data in events[2:5]:
        assert data["index"] == 0
        assert data["delta"]["type"] == "text_delta"
        assert data["delta"]["text"]
    assert events[5][1] == {"type": "content_block_stop", "index": 0}
    assert events[6][1] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 3},
    }
    assert events[7][1] == {"type": "message_stop"}


async def test_max_tokens_is_the_stop_reason_of_a_cut_message(
    gateway_of: Any, connect: "Connect"
) -> None:
    client = await connect(gateway_of(output_tokens=10))
    message = (await client.post(PATH, body(max_tokens=9))).json
    assert message["stop_reason"] == "max_tokens"
    assert message["usage"]["output_tokens"] == 9


async def test_a_stop_sequence_ends_the_answer_before_it(
    gateway_of: Any, connect: "Connect"
) -> None:
    # The text depends on the body, so the sequence is a letter that every long answer has.
    client = await connect(gateway_of(output_tokens=200))
    whole = (await client.post(PATH, body(stop_sequences=["\x00never"]))).json
    assert (whole["stop_reason"], whole["stop_sequence"]) == ("end_turn", None)
    assert whole["usage"]["output_tokens"] == 200
    cut = (await client.post(PATH, body(stop_sequences=["\x00never", " the"]))).json
    text = cut["content"][0]["text"]
    assert (cut["stop_reason"], cut["stop_sequence"]) == ("stop_sequence", " the")
    assert text
    assert " the" not in text
    assert 1 <= cut["usage"]["output_tokens"] < 200
    events = (await client.post(PATH, body(stop_sequences=[" the"], stream=True))).events
    streamed = "".join(
        data["delta"]["text"] for name, data in events if name == "content_block_delta"
    )
    assert streamed
    assert " the" not in streamed
    assert events[-2][1]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": " the"}


@pytest.mark.parametrize(("name", "before"), [("x-api-key", ""), ("authorization", "Bearer ")])
async def test_both_authentications_are_accepted(
    gateway_of: Any, connect: "Connect", name: str, before: str
) -> None:
    gateway = gateway_of()
    client = await connect(gateway)
    client.headers = {"host": "x", name: before + gateway.keys[0].secret}
    assert (await client.post(PATH, body())).status == 200
