"""What the variants of endpoints beyond the reference change in an answer."""

import base64
import json
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from headrace.gateway import parse_faults

from .test_variants import BEYOND, BODIES, PATHS

Answered = Callable[..., Any]


@pytest.fixture
def answered(gateway_of: Any, connect: Any) -> Answered:
    """Asks an endpoint once, in a variant or without one: the answer and the log's row."""

    async def ask(endpoint: str, variant: str | None, *, streamed: bool = False) -> Any:
        faults = parse_faults(f"provider:{variant}=1") if variant else ()
        gateway = gateway_of(faults=faults, output_tokens=3)
        body = {"model": "deepseek-v4-flash", **BODIES[endpoint], "stream": streamed}
        response = await (await connect(gateway)).post(PATHS[endpoint], body)
        return response, gateway.log_rows[0]

    return ask


async def test_embeddings_of_other_services(answered: Answered) -> None:
    plain, row = await answered("embeddings", None)
    right = json.loads(plain.body)
    usage = {"prompt_tokens": row.input_tokens, "total_tokens": row.input_tokens}
    assert right["usage"] == usage
    total, _ = await answered("embeddings", "embed-total")
    assert total.json == right | {"usage": {"total_tokens": row.input_tokens}}
    zero, _ = await answered("embeddings", "embed-completion")
    more = {"completion_tokens": 0, "prompt_tokens_details": None}
    assert zero.json == right | {"usage": usage | more}
    packed, _ = await answered("embeddings", "embed-base64")
    [item] = packed.json["data"]
    numbers = struct.unpack("<3f", base64.b64decode(item["embedding"]))
    assert numbers == pytest.approx(right["data"][0]["embedding"])
    odd, charged = await answered("embeddings", "embed-nan")
    assert b'"embedding": [NaN, ' in odd.body
    assert charged.charge == row.charge > 0


async def test_rankings_of_other_services(answered: Answered) -> None:
    plain, row = await answered("rerank", None)
    named, same = await answered("rerank", "rank-data")
    assert named.json["data"] == plain.json["results"]
    assert "results" not in named.json
    assert same.charge == row.charge
    counted, charged = await answered("rerank", "rank-tokens")
    assert counted.json["usage"]["total_tokens"] == charged.input_tokens == 40
    assert charged.charge * 10**6 == 40
    units, searched = await answered("rerank", "rank-units")
    assert units.json["usage"]["search_units"] == 2
    assert searched.charge == Decimal(str(units.json["usage"]["cost"])) > 0
    total, billed = await answered("rerank", "rank-total")
    assert total.json["meta"]["billed_units"]["total_tokens"] == billed.input_tokens == 40


async def test_ends_of_responses_of_other_services(answered: Answered) -> None:
    plain, _ = await answered("responses", None, streamed=True)
    right = plain.events[-1][1]["response"]
    empty, _ = await answered("responses", "response-empty", streamed=True)
    assert empty.events[-1][1]["response"]["output"] == []
    assert empty.events[-1][1]["response"]["usage"] == right["usage"]
    bare, _ = await answered("responses", "response-bare", streamed=True)
    assert right.keys() - bare.events[-1][1]["response"].keys() == {"output", "usage"}
    done, _ = await answered("responses", "response-done", streamed=True)
    assert done.events[-1] == (None, "[DONE]")
    assert done.events[-2][0] == "response.completed"


async def test_a_completion_without_its_end_mark(answered: Answered) -> None:
    cut, _ = await answered("completions", "completion-no-done", streamed=True)
    assert b"[DONE]" not in cut.body
    assert cut.events[-1][1]["usage"]["completion_tokens"] == 3


def test_all_of_them_are_shown_here() -> None:
    asked = {"embed-total", "embed-completion", "embed-base64", "embed-nan", "rank-data"}
    asked |= {
        "rank-tokens",
        "rank-units",
        "rank-total",
        "response-empty",
        "response-bare",
        "response-done",
    }
    assert {*BEYOND} == asked | {"completion-no-done"}
