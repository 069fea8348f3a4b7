"""Why an answer has no cost, in its rows."""

import json
from decimal import Decimal

import pytest
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from tests.runner.conftest import Bench, Reply, Seen, Service, chat_body, chat_line

PRICES = PriceTable(currency="CNY", models={"m": Price(input=Decimal(1), output=Decimal(2))})


async def test_a_job_without_a_cost_says_why(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(
        chat_line("priced"), chat_line("unknown", model="x"), chat_line("silent", "say nothing")
    )

    def answer(seen: Seen) -> Reply:
        body = json.loads(chat_body("fine", input_tokens=9, output_tokens=4))
        if seen.content == "say nothing":
            del body["usage"]
        return Reply(200, json.dumps(body).encode())

    service.answer = answer
    ran = await bench.run(service, prices=PRICES)
    expected = {
        "priced": (Decimal("0.000017"), None),
        "silent": (None, "the answer does not say what it used"),
        "unknown": (None, "the price file has no model 'x'"),
    }
    found = [
        {name: (cost, note) for name, cost, note in table.iter_rows()}
        for table in (
            ran.results.select("custom_id", "cost", "cost_note"),
            ran.attempts.select("custom_id", "cost", "cost_note"),
        )
    ]
    assert found == [expected, expected]


async def test_a_failed_attempt_and_a_run_without_prices_have_no_note(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(chat_line("a"), chat_line("b", "break"))
    service.answer = lambda seen: service.error(400) if seen.content == "break" else service.fine()
    ran = await bench.run(service)
    assert ran.attempts["cost_note"].to_list() == [None, None]


@pytest.mark.parametrize(("told", "cost"), [({}, None), ({"num_search_queries": 2}, "0.020017")])
async def test_a_job_that_searches_the_web_costs_what_its_answer_says(
    bench: Bench,
    service: Service,
    autojump_clock: MockClock,
    told: dict[str, int],
    cost: str | None,
) -> None:
    """Its tokens alone would be less than the bill."""
    price = Price(input=Decimal(1), output=Decimal(2), web_search=Decimal(10))
    body = {"model": "m", "messages": [], "web_search_options": {}}
    line = {"custom_id": "a", "url": "/v1/chat/completions", "body": body}
    bench.write(json.dumps(line).encode())
    answer = json.loads(chat_body("fine", input_tokens=9, output_tokens=4))
    answer["usage"] |= told
    service.answer = lambda seen: Reply(200, json.dumps(answer).encode())
    ran = await bench.run(service, prices=PriceTable(currency="CNY", models={"m": price}))
    [row] = ran.attempts.to_dicts()
    assert row["cost"] == (None if cost is None else Decimal(cost))
    why = "the job has web_search_options, and the answer does not say what it searched"
    assert row["cost_note"] == (why if cost is None else None)
