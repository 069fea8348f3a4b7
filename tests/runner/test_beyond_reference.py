"""Runs of endpoints beyond the reference, from end to end: in their documented forms, billed as the
gateway bills them, recorded, exported; and of paths that nobody knows."""

import json
from array import array
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from trio.testing import MockClock

from headrace import gateway
from headrace.jobs import Price, PriceTable, floats_of
from headrace.reports import summarise
from headrace.reports.export import export_run
from tests.runner.conftest import Bench, Reply, Seen, Service

pytestmark = pytest.mark.usefixtures("no_sync")
MODEL = "deepseek-v4-flash"
AMOUNTS: dict[str, Any] = {
    "input": Decimal(1),
    "cached_input": Decimal("0.02"),
    "output": Decimal(2),
    "search_request": Decimal("0.03"),
    "max_output_tokens": 400,
}
OURS = PriceTable(currency="CNY", models={MODEL: Price(**AMOUNTS)})
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
TALK = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
]
# Each endpoint's bodies as its documentation has them, but for the model.
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/embeddings", {"input": "the mill", "dimensions": 8}),
    ("/v1/embeddings", {"input": ["a", "b"], "encoding_format": "base64", "dimensions": 4}),
    ("/v1/embeddings", {"input": [1, 2, 3], "encoding_format": "float", "dimensions": 4}),
    ("/v1/embeddings", {"input": [[1, 2], [3]], "dimensions": 4, "user": "u"}),
    ("/v1/responses", {"input": "hello", "max_output_tokens": 9, "instructions": "Be brief."}),
    ("/v1/responses", {"input": TALK, "stream": True}),
    ("/v1/responses", {"input": TALK, "tools": [TOOL], "tool_choice": "required", "stream": True}),
    ("/v1/completions", {"prompt": "Once upon"}),
    ("/v1/completions", {"prompt": ["a", "b"], "n": 2, "max_tokens": 6, "logprobs": 1}),
    ("/v1/completions", {"prompt": "x", "n": 2, "max_tokens": 6, "logprobs": 1, "stream": True}),
    ("/v1/rerank", {"query": "mill", "documents": ["a mill", {"text": "no"}], "top_n": 1}),
    ("/v1/moderations", {"model": "omni-moderation-latest", "input": "I like it"}),
    ("/v1/moderations", {"model": "omni-moderation-latest", "input": [{"type": "text"}]}),
]


def line(number: int, url: str, body: dict[str, Any]) -> bytes:
    asked = {"custom_id": f"job-{number}", "method": "POST", "url": url, "body": body}
    return json.dumps(asked).encode()


def write_all(bench: Bench) -> None:
    bench.write(*(line(n, url, {"model": MODEL, **body}) for n, (url, body) in enumerate(BODIES)))


async def test_every_documented_form_runs_whole_and_costs_what_was_charged(
    bench: Bench, autojump_clock: MockClock
) -> None:
    write_all(bench)
    served = bench.gateway(prices=gateway.PriceTable(models={MODEL: gateway.ModelPrice(**AMOUNTS)}))
    ran = await bench.run_on(served, prices=OURS, max_cost=Decimal(10), concurrency=1)
    assert (ran.outcome.exit_code, ran.rejects) == (0, [])
    results = ran.results
    assert results["status"].to_list() == ["succeeded"] * len(BODIES)
    charges = [row.charge for row in served.log_rows if row.method == "POST"]
    assert results["cost"].to_list() == charges
    assert sum(charge > 0 for charge in charges) == len(BODIES) - 2
    texts = results.filter(pl.col("text").is_not_null())["url"].to_list()
    assert (
        texts
        == [url for url, body in BODIES if "complet" in url or "resp" in url][:2]
        + ["/v1/completions"] * 3
    )
    calls = results.filter(pl.col("finish_reason") == "tool_calls")
    assert calls["url"].to_list() == ["/v1/responses"]
    streamed = results.filter(pl.col("ttft_s").is_not_null())["url"].to_list()
    assert streamed == ["/v1/responses", "/v1/responses", "/v1/completions"]


async def test_a_judgement_costs_what_the_price_of_its_model_says(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """Mistral's has a price, and OpenAI's has none; without a usage the former's is unknown."""
    bench.write(
        *(line(n, "/v1/moderations", {"model": m, "input": "x"}) for n, m in enumerate("abc"))
    )
    usage = {"usage": {"prompt_tokens": 5, "total_tokens": 5}}

    def answer(seen: Seen) -> Reply:
        told = usage if json.loads(seen.body)["model"] == "b" else {}
        return Reply(200, json.dumps({"results": [{}], **told}).encode())

    service.answer = answer
    price = Price(input=Decimal(2))
    ran = await bench.run(
        service, prices=PriceTable(currency="EUR", models={"b": price, "c": price})
    )
    rows = ran.results.rows(named=True)
    assert [row["cost"] for row in rows] == [0, Decimal("0.00001"), None]
    assert rows[2]["cost_note"] == "the answer does not say what it used"


async def test_a_prompt_that_is_echoed_alone_costs_what_was_charged(
    bench: Bench, autojump_clock: MockClock
) -> None:
    scored = {"model": MODEL, "prompt": "x y z", "max_tokens": 0, "echo": True}
    bench.write(
        line(0, "/v1/completions", scored), line(1, "/v1/completions", {**scored, "stream": True})
    )
    served = bench.gateway(prices=gateway.PriceTable(models={MODEL: gateway.ModelPrice(**AMOUNTS)}))
    ran = await bench.run_on(served, prices=OURS)
    assert ran.results["text"].to_list() == ["x y z"] * 2
    charges = [row.charge for row in served.log_rows if row.method == "POST"]
    assert ran.results["cost"].to_list() == charges
    assert min(charges) > 0


async def test_a_prompt_that_is_echoed_alone_costs_its_input(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """As evals ask for the logprobs of a text; a usage without output is wrong elsewhere."""
    scored = {"model": "m", "prompt": "x", "max_tokens": 0, "echo": True, "logprobs": 1}
    bench.write(
        line(0, "/v1/completions", scored),
        line(1, "/v1/completions", {**scored, "max_tokens": 1}),
    )
    body = {
        "choices": [{"text": "x", "index": 0, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }
    service.answer = lambda _: Reply(200, json.dumps(body).encode())
    ran = await bench.run(
        service, prices=PriceTable(currency="EUR", models={"m": Price(input=Decimal(2))})
    )
    assert ran.results["cost"].to_list() == [Decimal("0.00001"), None]


@pytest.mark.parametrize(
    "embedding",
    [
        [12, -4, 127],
        [0.0023064255, -0.1, 1e-9],
        "Af7/f4ADoH8=",  # eight numbers of 8 bits: as floats they would not be numbers
        "AACAPwAAAEA=",
    ],
)
async def test_an_embedding_comes_back_in_a_batch_as_it_was_sent(
    bench: Bench, service: Service, autojump_clock: MockClock, embedding: Any
) -> None:
    fields = {"encoding_format": "base64", "output_dtype": "int8"} if "A" in str(embedding) else {}
    bench.write(line(0, "/v1/embeddings", {"model": "m", "input": "a", **fields}))
    sent = {"data": [{"index": 0, "embedding": embedding}], "usage": {"total_tokens": 2}}
    body = json.dumps(sent, separators=(",", ":")).replace("1e-09", "1e-9")
    service.answer = lambda _: Reply(200, body.encode())
    await bench.run(service)
    export_run(bench.directory, "openai-batch")
    assert f'"body":{body}' in (bench.path / "jobs.output.jsonl").read_text()


async def test_fewer_answers_than_were_asked_for_are_said(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """Some services take no notice of `n`."""
    bench.write(
        line(0, "/v1/completions", {"model": "m", "prompt": ["x", "y"], "n": 2}),
        line(1, "/v1/chat/completions", {"model": "m", "messages": [], "n": 3}),
        line(2, "/v1/moderations", {"input": ["x", "y"]}),
        line(3, "/v1/moderations", {"input": [{"type": "text", "text": "x"}, {"type": "text"}]}),
        line(4, "/v1/completions", {"model": "m", "prompt": "x"}),
    )
    choice = {"text": "a", "message": {"content": "a"}, "finish_reason": "stop"}
    body = {"choices": [choice], "results": [{}]}
    service.answer = lambda _: Reply(200, json.dumps(body).encode())
    ran = await bench.run(service)
    assert ran.results["error_message"].to_list() == [
        "it has 1 choice of 4",
        "it has 1 choice of 3",
        "it has 1 result of 2",
        None,
        None,
    ]
    assert ran.outcome.exit_code == 0


async def test_an_empty_answer_of_an_unknown_path_is_one_where_its_status_says_so(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(line(0, "/v1/forget", {}))
    service.answer = lambda _: Reply(204, b"")
    ran = await bench.run(service, any_endpoint=True)
    assert (ran.results["status"].item(), ran.results["response"].item()) == ("succeeded", "null")
    assert len(service.posts) == 1


async def test_an_endpoint_without_places_tells_its_usage_as_ever(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(line(0, "/v1/embeddings", {"model": "m", "input": "a"}))
    service.answer = lambda _: Reply(200, json.dumps(ODD).encode())
    ran = await bench.run(service, endpoints={"/v1/embeddings": {}})
    assert ran.results["input_tokens"].to_list() == [2]


async def test_vectors_are_a_column_and_come_back_in_a_batch_as_they_came(
    bench: Bench, autojump_clock: MockClock
) -> None:
    write_all(bench)
    ran = await bench.run_on(bench.gateway(seed=5))
    column = ran.results["vectors"]
    assert column.dtype == pl.List(pl.List(pl.Float32))
    assert column.list.len().to_list() == [1, 2, 1, 2] + [None] * (len(BODIES) - 4)
    assert '"embedding":[0.' not in "".join(ran.results["response"])
    export_run(ran.directory, "openai-batch")
    made = [
        json.loads(each) for each in (bench.path / "jobs.output.jsonl").read_text().split("\n")[:-1]
    ]
    first, second = made[0]["response"]["body"], made[1]["response"]["body"]
    [numbers] = [each["embedding"] for each in first["data"]]
    assert array("f", numbers).tolist() == column[0][0].to_list()
    assert all(len(str(each)) <= 12 for each in numbers)
    texts = [each["embedding"] for each in second["data"]]
    assert texts == [b64encode(array("f", each).tobytes()).decode() for each in column[1]]
    bodies = [each["response"]["body"] for each in made]
    assert [set(body) & {"choices", "output", "results", "data"} for body in bodies] == [
        *[{"data"}] * 4,
        *[{"output"}] * 3,
        *[{"choices"}] * 3,
        *[{"results"}] * 3,
    ]


async def test_the_same_seed_gives_the_same_answers(
    bench: Bench, autojump_clock: MockClock, tmp_path: Path
) -> None:
    write_all(bench)
    first = await bench.run_on(bench.gateway(seed=5))
    one = first.results.select("text", "vectors", "input_tokens", "output_tokens")
    bench.path = tmp_path / "again"
    bench.path.mkdir()
    write_all(bench)
    second = await bench.run_on(bench.gateway(seed=5))
    assert second.results.select(one.columns).equals(one)
    bench.path = tmp_path / "other"
    bench.path.mkdir()
    write_all(bench)
    third = await bench.run_on(bench.gateway(seed=6))
    assert not third.results.select(one.columns).equals(one)


async def test_equal_embeddings_are_sent_once_and_have_the_same_vectors(
    bench: Bench, autojump_clock: MockClock
) -> None:
    body = {"model": MODEL, "input": "x", "dimensions": 4}
    bench.write(*(line(n, "/v1/embeddings", body) for n in range(3)))
    served = bench.gateway()
    ran = await bench.run_on(served, dedupe=True)
    assert len([row for row in served.log_rows if row.method == "POST"]) == 1
    assert ran.results["vectors"].n_unique() == 1
    assert ran.results["copy_of"].to_list() == [None, "job-0", "job-0"]


ODD = {"data": [{"index": 0, "embedding": [1.0]}], "usage": {"total_tokens": 2}}


async def test_what_is_odd_about_vectors_is_kept_and_said(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(line(0, "/v1/embeddings", {"model": "m", "input": ["a", "b"]}))
    service.answer = lambda _: Reply(200, json.dumps(ODD).encode())
    ran = await bench.run(service)
    [row] = ran.results.rows(named=True)
    assert (row["status"], row["vectors"]) == ("succeeded", [[1.0]])
    assert row["error_message"] == "it has 1 vector for 2 inputs"
    assert ran.outcome.exit_code == 0


class Scorer:
    """Refuses the first request for a score, and answers all others."""

    refused = False

    def __call__(self, seen: Seen) -> Reply:
        if seen.path == "/v1/score" and not self.refused:
            self.refused = True
            return Service.error(503)
        return Reply(200, b'{"score": 0.5, "usage": {"x": 7}}')


async def test_any_path_is_sent_retried_and_recorded_without_a_cost(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(
        line(0, "/v1/score", {"text_1": "a", "text_2": "b"}),
        line(1, "/v1/rank", {"model": "m"}),
        line(2, "/v1/no such", {"model": "m"}),
    )
    service.answer = Scorer()
    places = {"/v1/score": {"input_tokens": ("usage", "x")}}
    ran = await bench.run(service, any_endpoint=True, endpoints=places, prices=OURS, concurrency=1)
    assert [seen.path for seen in service.posts].count("/v1/score") == 2
    assert len(service.posts) == 3
    assert service.posts[0].headers["authorization"].startswith("Bearer ")
    rows = ran.results.rows(named=True)
    assert [(row["status"], row["input_tokens"], row["cost"]) for row in rows] == [
        ("succeeded", 7, None),
        ("succeeded", None, None),
    ]
    assert [row["model"] for row in rows] == ["default", "m"]
    assert {row["cost_note"] for row in rows} == {"what this endpoint bills is not known"}
    assert [each["line"] for each in ran.rejects] == [3]
    assert summarise(ran.directory).outcome.succeeded == 2


async def test_without_the_flag_only_named_paths_are_sent(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(line(0, "/v1/score", {}), line(1, "/v1/rank", {}))
    service.answer = lambda _: Reply(200, b"[[0.5]]")
    ran = await bench.run(service, endpoints={"/v1/score": {}})
    assert ran.results["response"].to_list() == ["[[0.5]]"]
    [reject] = ran.rejects
    assert "give --any-endpoint" in reject["reason"]


async def test_under_a_ceiling_what_has_no_bound_is_not_sent(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(line(0, "/v1/score", {}))
    ran = await bench.run(service, any_endpoint=True, prices=OURS, max_cost=Decimal(1))
    [reject] = ran.rejects
    assert reject["reason"] == "what /v1/score bills is not known; run it without --max-cost"
    assert service.posts == []


async def test_lines_of_json_are_events_whatever_was_asked(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """Ollama's own endpoints stream unless they are told not to."""
    bench.write(line(0, "/api/generate", {}), line(1, "/api/generate", {"stream": True}))
    told = (("content-type", "application/x-ndjson"),)
    service.answer = lambda _: Reply(200, b'{"n": 1}\n{"n": 2, "done": true}\n', told)
    ran = await bench.run(service, any_endpoint=True)
    assert ran.results["response"].to_list() == ['{"events":[{"n":1},{"n":2,"done":true}]}'] * 2


async def test_any_stream_is_recorded_with_its_events_and_times(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(line(0, "/v1/tell", {"stream": True}))
    events = b'data: {"n": 1}\n\ndata: {"n": 2}\n\n'
    service.answer = lambda _: Reply(200, events, (("content-type", "text/event-stream"),))
    ran = await bench.run(service, any_endpoint=True)
    [row] = ran.results.rows(named=True)
    assert (row["status"], row["response"]) == ("succeeded", '{"events":[{"n":1},{"n":2}]}')
    assert row["ttft_s"] is not None


def test_a_vector_takes_a_third_of_its_json_in_the_journal() -> None:
    vector = array("f", (n / 1536 for n in range(1536)))
    assert len(b64encode(vector.tobytes())) * 2 < len(json.dumps(vector.tolist()))
    assert floats_of(vector.tobytes()) == vector
