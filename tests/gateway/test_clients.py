"""The official clients, as they are, on the gateway over TCP."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pytest
import trio

from headrace.gateway import Fault, Gateway

pytestmark = pytest.mark.slow
MODEL = "deepseek-v4-flash"
HELLO: Any = [{"role": "user", "content": "Hello!"}]
Gateways = Callable[..., Gateway]
ERRORS = [(400, "BadRequestError"), (401, "AuthenticationError"), (403, "PermissionDeniedError")]
ERRORS += [(404, "NotFoundError"), (429, "RateLimitError"), (500, "InternalServerError")]
ERRORS += [(502, "InternalServerError"), (504, "InternalServerError")]


@asynccontextmanager
async def openai_on(application: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with trio.open_nursery() as nursery:
        base_url: str = await nursery.start(application.serve)
        async with openai.AsyncOpenAI(
            base_url=f"{base_url}/v1", api_key=application.keys[0].secret, max_retries=0
        ) as client:
            yield client
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def anthropic_on(application: Gateway) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with trio.open_nursery() as nursery:
        base_url: str = await nursery.start(application.serve)
        async with anthropic.AsyncAnthropic(
            base_url=base_url, api_key=application.keys[0].secret, max_retries=0
        ) as client:
            yield client
        nursery.cancel_scope.cancel()


async def test_openai_chat(gateway_of: Gateways) -> None:
    async with openai_on(gateway_of(output_tokens=12)) as client:
        completion = await client.chat.completions.create(model=MODEL, messages=HELLO)
        assert completion.choices[0].message.content
        assert completion.choices[0].finish_reason == "stop"
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 12
        assert completion._request_id is not None
        assert completion._request_id.startswith("req-")


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


async def test_openai_chat_streamed(gateway_of: Gateways) -> None:
    def use(client: openai.OpenAI) -> None:
        stream = client.chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
        assert len([text for text in texts if text]) == 12
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 12

    gateway = gateway_of(output_tokens=12)
    await in_thread(gateway, use)
    assert [(row.stream, row.output_tokens) for row in gateway.log_rows] == [(True, 12)]


async def test_openai_stream_helper(gateway_of: Gateways) -> None:
    def use(client: openai.OpenAI) -> None:
        with client.chat.completions.stream(model=MODEL, messages=HELLO) as stream:
            for _ in stream:
                pass
            completion = stream.get_final_completion()
        assert completion.choices[0].message.content
        assert completion.choices[0].finish_reason == "stop"

    gateway = gateway_of(output_tokens=12)
    await in_thread(gateway, use)
    assert [(row.stream, row.output_tokens) for row in gateway.log_rows] == [(True, 12)]


async def test_openai_images(gateway_of: Gateways) -> None:
    async with openai_on(gateway_of()) as client:
        answer = await client.images.generate(model="gpt-image-2", prompt="a mill", n=2)
        assert answer.data is not None
        urls = [image.url for image in answer.data]
        assert len(urls) == 2
        assert all(url is not None and url.endswith("-1024x1024.png") for url in urls)
        answer = await client.images.generate(
            model="gpt-image-2", prompt="a mill", response_format="b64_json", size="512x512"
        )
        assert answer.data is not None
        assert base64.b64decode(answer.data[0].b64_json or "")[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(("status", "name"), ERRORS)
async def test_openai_errors_are_of_the_right_class(
    gateway_of: Gateways, status: int, name: str
) -> None:
    faults = (Fault(str(status), 1.0),)  # type: ignore[arg-type]
    async with openai_on(gateway_of(faults=faults)) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(model=MODEL, messages=HELLO)
    error = caught.value
    assert (type(error).__name__, error.status_code) == (name, status)
    assert error.request_id is not None
    assert error.request_id.startswith("req-")


async def test_openai_retries_after_a_429(gateway_of: Gateways) -> None:
    application = gateway_of(faults=(Fault("429", nth=(1,), retry_after="0"),))
    async with openai_on(application) as client:
        patient = client.with_options(max_retries=1)
        completion = await patient.chat.completions.create(model=MODEL, messages=HELLO)
        assert completion.choices[0].message.content
    assert [row.status for row in application.log_rows] == [429, 200]


async def test_anthropic_messages(gateway_of: Gateways) -> None:
    async with anthropic_on(gateway_of(output_tokens=12)) as client:
        message = await client.messages.create(model=MODEL, max_tokens=1024, messages=HELLO)
        assert isinstance(message.content[0], anthropic.types.TextBlock)
        assert message.content[0].text
        assert message.stop_reason == "end_turn"
        assert message.usage.output_tokens == 12
        assert message._request_id is not None
        assert message._request_id.startswith("req-")


async def test_anthropic_messages_streamed(gateway_of: Gateways) -> None:
    async with anthropic_on(gateway_of(output_tokens=12)) as client:
        stream = await client.messages.create(
            model=MODEL, max_tokens=5, messages=HELLO, stream=True
        )
        events = [event async for event in stream]
        assert [event.type for event in events] == [
            "message_start",
            "content_block_start",
            *["content_block_delta"] * 5,
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]


async def test_anthropic_stream_helper(gateway_of: Gateways) -> None:
    async with anthropic_on(gateway_of(output_tokens=12)) as client:
        async with client.messages.stream(model=MODEL, max_tokens=5, messages=HELLO) as stream:
            text = "".join([part async for part in stream.text_stream])
            message = await stream.get_final_message()
        assert isinstance(message.content[0], anthropic.types.TextBlock)
        assert message.content[0].text == text
        assert message.stop_reason == "max_tokens"
        assert message.usage.output_tokens == 5


@pytest.mark.parametrize(("status", "name"), ERRORS)
async def test_anthropic_errors_are_of_the_right_class(
    gateway_of: Gateways, status: int, name: str
) -> None:
    faults = (Fault(str(status), 1.0),)  # type: ignore[arg-type]
    async with anthropic_on(gateway_of(faults=faults)) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.create(model=MODEL, max_tokens=9, messages=HELLO)
    error = caught.value
    assert error.status_code == status
    # Newer versions of this client have a class of its own for 504.
    assert type(error).__name__ in ({name, "GatewayTimeoutError"} if status == 504 else {name})
    assert error.request_id is not None
    assert error.request_id.startswith("req-")
