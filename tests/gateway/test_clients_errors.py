"""The official synchronous clients, streamed and not: answers, and what breaks them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest
import trio

from headrace.gateway import Gateway, parse_faults

pytestmark = pytest.mark.slow
MODEL = "deepseek-v4-flash"
HELLO: Any = [{"role": "user", "content": "Hello!"}]
OFFLINE: dict[str, Any] = {"offline": (MODEL,)}
# Real refusals, without a fault: config, the request's changes, status and classes.
REAL: list[tuple[dict[str, Any], dict[str, Any], int, str]] = [
    ({}, {"max_tokens": 0}, 400, "BadRequestError"),
    ({"balance": Decimal(0)}, {}, 403, "PermissionDeniedError"),
    (OFFLINE, {}, 404, "NotFoundError"),
]
Gateways = Callable[..., Gateway]


@pytest.fixture
def on(gateway_of: Gateways) -> Callable[..., Any]:
    """Runs synchronous code with both clients against a gateway; returns the statuses sent."""

    async def run(
        use: Callable[[openai.OpenAI, anthropic.Anthropic], None], **fields: Any
    ) -> list[int | None]:
        application = gateway_of(**{"output_tokens": 12} | fields)

        def with_clients(base_url: str) -> None:
            key = application.keys[0].secret
            with (
                openai.OpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0) as one,
                anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0) as other,
            ):
                use(one, other)

        async with trio.open_nursery() as nursery:
            base_url: str = await nursery.start(application.serve)
            await trio.to_thread.run_sync(with_clients, base_url)
            nursery.cancel_scope.cancel()
        return [row.status for row in application.log_rows]

    return run


async def test_plain_clients_whole_and_streamed(on: Callable[..., Any]) -> None:
    def use(one: openai.OpenAI, other: anthropic.Anthropic) -> None:
        completion = one.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=5)
        assert completion.choices[0].finish_reason == "length"
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 5
        chunks = list(one.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
        # The usage is on the last chunk although it is not asked for, as the reference says.
        assert chunks[-1].usage is not None
        assert chunks[-1].choices[0].finish_reason == "stop"

        message = other.messages.create(
            model=MODEL,
            max_tokens=1024,
            system=[{"type": "text", "text": "You are a helpful assistant."}],
            messages=[{"role": "user", "content": [{"type": "text", "text": "Hello!"}]}],
            stop_sequences=["\x00never"],
        )
        assert message.stop_reason == "end_turn"
        events = list(other.messages.create(model=MODEL, max_tokens=5, messages=HELLO, stream=True))
        assert events[-1].type == "message_stop"
        assert len([event for event in events if event.type == "content_block_delta"]) == 5

    assert await on(use) == [200, 200, 200, 200]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fields", "changes", "status", "name"), REAL)
async def test_real_refusals_are_of_the_right_class(
    on: Callable[..., Any],
    fields: dict[str, Any],
    changes: dict[str, Any],
    status: int,
    name: str,
    stream: bool,
) -> None:
    def use(one: openai.OpenAI, other: anthropic.Anthropic) -> None:
        body: Any = {"model": MODEL, "messages": HELLO, "max_tokens": 9, "stream": stream}
        with pytest.raises(openai.APIStatusError) as by_one:
            one.chat.completions.create(**body | changes)
        with pytest.raises(anthropic.APIStatusError) as by_other:
            other.messages.create(**body | changes)
        for error in (by_one.value, by_other.value):
            assert (type(error).__name__, error.status_code) == (name, status)
            assert (error.request_id or "").startswith("req-")

    assert await on(use, **fields) == [status, status]


async def test_a_wrong_key_and_a_full_minute(on: Callable[..., Any]) -> None:
    def use(one: openai.OpenAI, other: anthropic.Anthropic) -> None:
        with pytest.raises(openai.AuthenticationError) as wrong:
            one.with_options(api_key="sk-no").chat.completions.create(model=MODEL, messages=HELLO)
        assert (wrong.value.request_id or "").startswith("req-")
        with pytest.raises(anthropic.AuthenticationError):
            other.with_options(api_key="sk-no").messages.create(
                model=MODEL, messages=HELLO, max_tokens=9
            )
        one.chat.completions.create(model=MODEL, messages=HELLO)
        with pytest.raises(openai.RateLimitError) as full:
            one.chat.completions.create(model=MODEL, messages=HELLO)
        assert full.value.response.headers["x-ratelimit-limit"] == "1"
        assert 1 <= int(full.value.response.headers["retry-after"]) <= 60
        with pytest.raises(anthropic.RateLimitError):
            other.messages.create(model=MODEL, messages=HELLO, max_tokens=9)

    assert await on(use, rpm=1) == [401, 401, 200, 429, 429]


@pytest.mark.parametrize("kind", ["reset", "reset-in-head"])
async def test_a_reset_is_a_connection_error(on: Callable[..., Any], kind: str) -> None:
    def use(one: openai.OpenAI, other: anthropic.Anthropic) -> None:
        with pytest.raises(openai.APIConnectionError):
            one.chat.completions.create(model=MODEL, messages=HELLO)
        with pytest.raises(anthropic.APIConnectionError):
            other.messages.create(model=MODEL, messages=HELLO, max_tokens=9)

    assert len(await on(use, faults=parse_faults(f"{kind}=1"))) == 2
