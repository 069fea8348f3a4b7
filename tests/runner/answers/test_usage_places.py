"""Usage told where, and in the words in which, services tell it: what each comes to."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import Usage
from headrace.runner.answers import ChatStream, MessagesStream, usage_in
from headrace.runner.answers.messages import NO_FINAL_COUNT
from headrace.runner.answers.sse import Event
from headrace.runner.answers.usage import COUNTS_NOTHING, NO_USAGE, anthropic_usage, openai_usage

TOLD = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
METRICS = "amazon-bedrock-invocationMetrics"
EMPTY = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
PLACES: dict[str, tuple[dict[str, Any], Usage]] = {
    "Groq": ({"x_groq": {"id": "r", "usage": TOLD}}, Usage(1000, None, None, 100)),
    "Kimi": ({"choices": [{"usage": TOLD}]}, Usage(1000, None, None, 100)),
    "of the second choice": ({"choices": [{}, {"usage": TOLD}]}, Usage(1000, None, None, 100)),
    "empty beside it": ({"usage": EMPTY, "x_groq": {"usage": TOLD}}, Usage(1000, None, None, 100)),
    "Bedrock": (
        {
            METRICS: {
                "inputTokenCount": 90,
                "outputTokenCount": 100,
                "cacheReadInputTokenCount": 910,
            }
        },
        Usage(1000, 910, None, 100),
    ),
    "Bedrock's Converse": (
        {"usage": {"inputTokens": 50, "outputTokens": 100, "cacheWriteInputTokens": 950}},
        Usage(1000, None, 950, 100),
    ),
    # Of Gemini's total of 1,300, 200 are thoughts beside what was said.
    "Gemini": (
        {
            "usageMetadata": {
                "promptTokenCount": 1000,
                "candidatesTokenCount": 100,
                "thoughtsTokenCount": 200,
                "cachedContentTokenCount": 30,
                "totalTokenCount": 1300,
            }
        },
        Usage(1000, 30, None, 300, 200),
    ),
    "Cohere": (
        {"usage": {"billed_units": {"input_tokens": 1000.0, "output_tokens": 100.0}, "tokens": {}}},
        Usage(1000, None, None, 100),
    ),
    "Cohere's old": (
        {"meta": {"billed_units": {"input_tokens": 1000, "output_tokens": 100}}},
        Usage(1000, None, None, 100),
    ),
    "Ollama": ({"prompt_eval_count": 1000, "eval_count": 100}, Usage(1000, None, None, 100)),
    "llama.cpp": (
        {"timings": {"prompt_n": 1, "cache_n": 999, "predicted_n": 100, "predicted_ms": 3.5}},
        Usage(1000, 999, None, 100),
    ),
    # An old one doesn't say what its cache held.
    "old llama.cpp": (
        {"timings": {"prompt_n": 1, "predicted_n": 100}},
        Usage(None, None, None, 100),
    ),
    "texts of digits": (
        {"usage": {"prompt_tokens": "1000", "completion_tokens": "100", "total_tokens": "1100"}},
        Usage(1000, None, None, 100),
    ),
    "a null beside another name": (
        {"usage": {"prompt_tokens": None, "input_tokens": 1000, "completion_tokens": 100}},
        Usage(1000, None, None, 100),
    ),
    "nowhere": ({"x_groq": {"id": "r"}, "timings": {}}, Usage(why_unpriced=NO_USAGE)),
    "zeros": ({"usage": EMPTY}, Usage(0, None, None, 0, why_unpriced=COUNTS_NOTHING)),
}


@pytest.mark.parametrize("name", PLACES)
def test_usage_is_read_wherever_it_is_told(name: str) -> None:
    body, usage = PLACES[name]
    assert openai_usage(body) == usage


def test_a_messages_answer_may_tell_it_in_another_protocols_names() -> None:
    assert anthropic_usage({"usage": TOLD}) == Usage(1000, None, None, 100)
    metrics: dict[str, Any] = {METRICS: {"inputTokenCount": 1000, "outputTokenCount": 100}}
    assert anthropic_usage(metrics) == Usage(1000, None, None, 100)
    assert usage_in({"type": "message", **metrics}) == Usage(1000, None, None, 100)
    # Its own names come first: what they leave out of the input is Anthropic's way.
    own = {"input_tokens": 100, "cache_read_input_tokens": 900, "output_tokens": 100}
    assert anthropic_usage({"usage": own, **metrics}) == Usage(1000, 900, None, 100)


def added(stream: ChatStream | MessagesStream, *events: dict[str, Any]) -> Usage:
    for each in events:
        stream.add(Event(str(each.get("type", "message")), json.dumps(each).encode()))
    assert stream.complete
    return stream.answer().usage


def test_a_stream_tells_it_in_its_last_events() -> None:
    said: dict[str, Any] = {"choices": [{"delta": {"content": "The Elbe."}}], "x_groq": {"id": "r"}}
    last: dict[str, Any] = {
        "choices": [{"delta": {}, "finish_reason": "stop"}],
        "x_groq": {"usage": TOLD},
    }
    assert added(ChatStream(), said, last) == Usage(1000, None, None, 100)
    metrics: dict[str, Any] = {METRICS: {"inputTokenCount": 1000, "outputTokenCount": 100}}
    said = {"type": "content_block_delta", "index": 0, "delta": {"text": "The Elbe."}}
    stop = {"type": "message_stop", **metrics}
    assert added(MessagesStream(), said, stop) == Usage(1000, None, None, 100)


def test_a_later_zero_in_digits_takes_nothing_back() -> None:
    zeros: dict[str, Any] = {"prompt_tokens": "0", "completion_tokens": 0}
    choice = {"delta": {"content": "a"}, "finish_reason": "stop"}
    chunks = [{"choices": [choice], "usage": usage} for usage in (TOLD, zeros)]
    assert added(ChatStream(), *chunks) == Usage(1000, None, None, 100)


COUNTS = st.integers(1, 10**6)


@given(prompt=COUNTS, said=COUNTS, cached=st.integers(0, 10**6), place=st.sampled_from(range(6)))
def test_any_counts_come_back_from_any_place(
    prompt: int, said: int, cached: int, place: int
) -> None:
    """Input with what the cache held in it, whichever way the service counts."""
    cached = min(cached, prompt)
    fresh = prompt - cached
    ours = {
        "prompt_tokens": prompt,
        "completion_tokens": float(said),
        "total_tokens": str(prompt + said),
        "prompt_tokens_details": {"cached_tokens": str(cached)},
    }
    bodies: list[dict[str, Any]] = [
        {"usage": ours},
        {"x_groq": {"usage": ours}},
        {"choices": [{"usage": ours}]},
        {
            METRICS: {
                "inputTokenCount": fresh,
                "outputTokenCount": said,
                "cacheReadInputTokenCount": cached,
            }
        },
        {"usage": {"inputTokens": fresh, "outputTokens": said, "cacheReadInputTokens": cached}},
        {"timings": {"prompt_n": fresh, "cache_n": cached, "predicted_n": said}},
    ]
    assert openai_usage(bodies[place]) == Usage(prompt, cached, None, said)


BEGUN = {"input_tokens": 1000, "output_tokens": 1}


def message_stream(*, told: dict[str, Any] | None, stop: dict[str, Any], text: str) -> Usage:
    stream = MessagesStream()
    events = [
        {"type": "message_start", "message": {"type": "message", "usage": BEGUN, "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": told},
        {"type": "message_stop", **stop},
    ]
    for each in events:
        stream.add(Event("message", json.dumps(each).encode()))
    return stream.answer().usage


@pytest.mark.parametrize(
    ("told", "stop", "text", "why"),
    [
        ({"output_tokens": 100}, {}, "a", None),
        (None, {}, "a", NO_FINAL_COUNT),
        ({}, {}, "a", NO_FINAL_COUNT),
        ({"output_tokens": 0}, {}, "a", NO_FINAL_COUNT),
        (None, {}, "", None),  # nothing was said
        (None, {METRICS: {"inputTokenCount": 1000, "outputTokenCount": 100}}, "a", None),
    ],
)
def test_the_count_at_a_messages_beginning_prices_no_output(
    told: dict[str, Any] | None, stop: dict[str, Any], text: str, why: str | None
) -> None:
    """Broke: a message without its last counts cost one token of output."""
    usage = message_stream(told=told, stop=stop, text=text)
    assert usage.why_unpriced == why
    counted = why is None and bool(text)
    assert (usage.input_tokens, usage.output_tokens) == (1000, 100 if counted else 1)
