"""The official clients on what the gateway takes beyond the reference: tools, forms, models."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pydantic
import pytest
import trio

from headrace.gateway import Gateway
from tests.gateway.test_clients import HELLO, MODEL, Gateways, anthropic_on, openai_on

pytestmark = pytest.mark.slow


async def in_thread(application: Gateway, use: Callable[[openai.OpenAI], None]) -> None:
    """Run `use` with the synchronous client: the async one leaves its streams undrained."""

    def run(base_url: str) -> None:
        with openai.OpenAI(
            base_url=f"{base_url}/v1", api_key=application.keys[0].secret, max_retries=0
        ) as client:
            use(client)

    async with trio.open_nursery() as nursery:
        base_url: str = await nursery.start(application.serve)
        await trio.to_thread.run_sync(run, base_url)
        nursery.cancel_scope.cancel()


TIDE: dict[str, Any] = {
    "type": "object",
    "properties": {"port": {"type": "string"}, "hours": {"type": "integer"}},
    "required": ["port", "hours"],
    "additionalProperties": False,
}


class Tide(pydantic.BaseModel):
    """What a client asks for as a type."""

    port: str
    hours: int


PICTURE = "data:image/png;base64,iVBORw0KGgo="


async def test_openai_models_choices_and_images(gateway_of: Gateways) -> None:
    async with openai_on(gateway_of(output_tokens=12)) as client:
        assert [model.id async for model in client.models.list()] == [MODEL, "gpt-image-2"]
        assert (await client.models.retrieve(MODEL)).owned_by == "headrace"
        turns: Any = [
            {"role": "developer", "content": "Be brief."},
            {"role": "assistant", "content": None, "refusal": "No."},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
        ]
        completion = await client.chat.completions.create(model=MODEL, messages=turns, n=2)
        assert [choice.index for choice in completion.choices] == [0, 1]
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 24
        assert completion.usage.prompt_tokens > 1000


async def test_openai_tools_and_forms(gateway_of: Gateways) -> None:
    def use(client: openai.OpenAI) -> None:
        tool: Any = {
            "type": "function",
            "function": {"name": "tide", "parameters": TIDE, "strict": True},
        }
        asked: dict[str, Any] = {"model": MODEL, "messages": HELLO}
        called = client.chat.completions.create(**asked, tools=[tool], tool_choice="required")
        [call] = called.choices[0].message.tool_calls
        Tide.model_validate_json(call.function.arguments)
        with client.chat.completions.stream(
            **asked, tools=[tool], tool_choice="required", n=2
        ) as stream:
            for _ in stream:
                pass
            streamed = stream.get_final_completion()
        for choice in streamed.choices:
            assert choice.finish_reason == "tool_calls"
            assert choice.message.tool_calls is not None
            Tide.model_validate(choice.message.tool_calls[0].function.parsed_arguments)
        parsed = client.chat.completions.parse(**asked, response_format=Tide)
        assert isinstance(parsed.choices[0].message.parsed, Tide)

    gateway = gateway_of()
    await in_thread(gateway, use)
    assert [row.status for row in gateway.log_rows] == [200] * 3


async def test_anthropic_models_counts_tools_and_forms(gateway_of: Gateways) -> None:
    async with anthropic_on(gateway_of()) as client:
        assert [model.id async for model in client.models.list()] == [MODEL, "gpt-image-2"]
        assert (await client.models.retrieve(MODEL)).display_name == MODEL
        tools: Any = [{"name": "tide", "description": "High tide.", "input_schema": TIDE}]
        counted = await client.messages.count_tokens(model=MODEL, messages=HELLO, tools=tools)
        asked: dict[str, Any] = {"model": MODEL, "max_tokens": 300, "messages": HELLO}
        message = await client.messages.create(**asked, tools=tools, tool_choice={"type": "any"})
        assert message.usage.input_tokens == counted.input_tokens
        assert isinstance(message.content[0], anthropic.types.ToolUseBlock)
        Tide.model_validate(message.content[0].input)
        async with client.messages.stream(
            **asked, tools=tools, tool_choice={"type": "tool", "name": "tide"}
        ) as stream:
            async for _ in stream:
                pass
            streamed = await stream.get_final_message()
        assert streamed.stop_reason == "tool_use"
        assert isinstance(streamed.content[0], anthropic.types.ToolUseBlock)
        Tide.model_validate(streamed.content[0].input)
        parsed = await client.messages.parse(**asked, output_format=Tide)
        assert isinstance(parsed.parsed_output, Tide)
