"""Completions of the gateway."""

from collections.abc import Callable
from typing import Any

import pytest

from headrace.gateway import AnswerRule, Gateway

URL, MODEL = "/v1/completions", "deepseek-v4-flash"
Gateways = Callable[..., Gateway]


async def completed(client: Any, **fields: Any) -> Any:
    response = await client.post(URL, {"model": MODEL, "prompt": "Once", **fields})
    assert response.status == 200, response.body
    return response


async def test_each_prompt_is_completed_n_times(gateway_of: Gateways, connect: Any) -> None:
    served = gateway_of(output_tokens=5)
    body = (await completed(await connect(served), prompt=["abcd", "abcd"], n=2)).json
    assert (body["object"], len(body["choices"])) == ("text_completion", 4)
    assert [each["index"] for each in body["choices"]] == [0, 1, 2, 3]
    assert len({each["text"] for each in body["choices"]}) > 1
    assert body["usage"] == {"prompt_tokens": 4, "completion_tokens": 20, "total_tokens": 24}
    [row] = served.log_rows
    assert (row.input_tokens, row.output_tokens) == (4, 20)
    assert row.charge * 10**6 == 44


async def test_without_a_limit_there_are_sixteen_tokens_at_most(
    gateway_of: Gateways, connect: Any
) -> None:
    client = await connect(gateway_of(output_tokens=50))
    body = (await completed(client)).json
    assert (body["choices"][0]["finish_reason"], body["usage"]["completion_tokens"]) == (
        "length",
        16,
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_without_tokens_there_is_the_prompt_alone(
    gateway_of: Gateways, connect: Any, stream: bool
) -> None:
    """As evals ask for the logprobs of a text."""
    served = gateway_of(output_tokens=5)
    asked = {"prompt": ["abcd", "efgh"], "max_tokens": 0, "echo": True, "stream": stream}
    answer = await completed(await connect(served), **asked)
    if not stream:
        choices = answer.json["choices"]
        told = [(each["text"], each["finish_reason"]) for each in choices]
        assert told == [("abcd", "length"), ("efgh", "length")]
        assert answer.json["usage"]["completion_tokens"] == 0
    [row] = served.log_rows
    assert (row.input_tokens, row.output_tokens) == (4, 0)
    assert row.charge * 10**6 == 4


async def test_logprobs_are_lists_side_by_side(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of(output_tokens=4))
    [choice] = (await completed(client, logprobs=1, echo=True)).json["choices"]
    told = choice["logprobs"]
    assert choice["text"] == "Once" + "".join(told["tokens"])
    assert told["text_offset"][0] == 4
    pairs = zip(told["tokens"], told["token_logprobs"], strict=True)
    assert told["top_logprobs"] == [{token: value} for token, value in pairs]


@pytest.mark.parametrize(
    ("options", "where"),
    [(None, -2), ({"include_usage": True}, -2), ({"include_usage": False}, None)],
)
async def test_a_stream_says_the_same_as_the_whole(
    gateway_of: Gateways, connect: Any, options: Any, where: int | None
) -> None:
    client = await connect(gateway_of(output_tokens=6))
    fields = {"n": 2, "max_tokens": 6, "echo": True, "logprobs": 0}
    streamed = await completed(client, stream=True, stream_options=options, **fields)
    events = [data for _, data in streamed.events]
    assert events[-1] == "[DONE]"
    used = [n - len(events) for n, each in enumerate(events[:-1]) if each.get("usage")]
    assert used == ([] if where is None else [where])
    texts = {0: "", 1: ""}
    for each in events[:-1]:
        for choice in each["choices"]:
            texts[choice["index"]] += choice["text"]
    whole = (await completed(client, stream=True, stream_options=options, **fields)).events
    assert [each["choices"] for _, each in whole[:-1]] == [each["choices"] for each in events[:-1]]
    assert all(text.startswith("Once") and len(text) > 10 for text in texts.values())
    assert texts[0] != texts[1]


async def test_long_prompts_are_cached(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of(output_tokens=1))
    await completed(client, prompt="word " * 500)
    usage = (await completed(client, prompt="word " * 500)).json["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > 500


async def test_a_book_of_answers_is_asked(gateway_of: Gateways, connect: Any) -> None:
    rules = (AnswerRule(contains="Once", answer="upon a time"),)
    client = await connect(gateway_of(answers=rules))
    assert (await completed(client)).json["choices"][0]["text"] == "upon a time"


async def test_tokens_are_a_prompt(gateway_of: Gateways, connect: Any) -> None:
    client = await connect(gateway_of(output_tokens=1))
    assert (await completed(client, prompt=[5, 6, 7])).json["usage"]["prompt_tokens"] == 3
    both = (await completed(client, prompt=[[5], [6, 7]])).json
    assert len(both["choices"]) == 2


@pytest.mark.parametrize("prompt", [[], ["a", 1], ["a"] * 129, None])
async def test_other_prompts_are_refused(gateway_of: Gateways, connect: Any, prompt: Any) -> None:
    client = await connect(gateway_of())
    response = await client.post(URL, {"model": MODEL, "prompt": prompt})
    assert response.error[0] == 400
    assert "prompt" in response.error[2]
