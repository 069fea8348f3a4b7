"""What a file will use: added up by hand, from lines of every kind."""

import json
from decimal import Decimal
from typing import Any

from headrace.jobs import ALL_OTHERS, Forecast, Forecaster, Job, Price, PriceBand, PriceTable
from headrace.jobs.files.dialects import parse_line

PRICES = PriceTable(
    currency="CNY",
    models={
        "m": Price(input=Decimal(1_000_000), output=Decimal(3_000_000), max_output_tokens=20),
        "s": Price(input=Decimal(0), output=Decimal(0), search_request=Decimal("0.03")),
        "i": Price(images={"8x8": Decimal(2), "default": Decimal(5)}),
    },
)


def line(model: str, path: str = "chat/completions", **fields: Any) -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
    return json.dumps({"custom_id": "a", "url": f"/v1/{path}", "body": body}).encode()


def forecast(*lines: bytes, prices: PriceTable | None = PRICES) -> Forecast:
    forecaster = Forecaster(prices)
    forecaster.add(parse_line(line, n) for n, line in enumerate(lines, 1))
    return forecaster.forecast()


def test_rows_are_by_model_and_endpoint_and_the_range_is_of_their_output() -> None:
    asked = line("m", max_tokens=50)
    found = forecast(asked, asked, line("m", n=3), line("m", "messages", max_tokens=7))
    assert [(row.url, row.jobs) for row in found.rows] == [
        ("/v1/chat/completions", 3),
        ("/v1/messages", 1),
    ]
    chat = found.rows[0]
    assert (chat.output_tokens_least, chat.output_tokens_most) == (2 + 3, 50 + 50 + 3 * 20)
    assert chat.cost_least == chat.input_tokens + 3 * 5
    assert chat.cost_most == -(-chat.input_tokens * 13 // 10) + 3 * 160
    assert found.total.jobs == 4
    assert found.currency == "CNY"


def test_searches_and_images_are_billed_per_unit() -> None:
    found = forecast(
        line("s", "search/completions", max_tokens=9),
        line("i", "images/generations", prompt="x", n=3, size="8x8"),
        line("i", "images/generations", prompt="x", n=2),
    )
    costs = {row.model: (row.images, row.cost_least, row.cost_most) for row in found.rows}
    assert costs == {"s": (0, Decimal("0.03"), Decimal("0.03")), "i": (5, 16, 16)}
    assert found.total.cost_most == Decimal("16.03")


def test_bad_lines_cost_nothing_and_what_has_no_price_is_named() -> None:
    found = forecast(line("m", max_tokens=1), line("unknown", max_tokens=1), b"nonsense")
    assert (found.bad_lines, found.unpriced_models) == (1, ["unknown"])
    priced, unpriced = found.rows
    assert unpriced.cost_least is None
    assert found.total.cost_least == priced.cost_least


def other(path: str, **body: Any) -> bytes:
    return json.dumps({"custom_id": "a", "url": f"/v1/{path}", "body": body}).encode()


def test_a_reranking_is_billed_by_its_searches_or_by_its_tokens() -> None:
    asked = {"query": "q", "documents": ["d"] * 150}
    found = forecast(other("rerank", model="s", **asked), other("rerank", model="m", **asked))
    rows = {row.model: row for row in found.rows}
    assert (rows["s"].cost_least, rows["s"].cost_most) == (Decimal("0.03"), Decimal("0.06"))
    assert rows["m"].cost_least == rows["m"].input_tokens > 100
    assert found.unpriced_models == []


def test_moderations_cost_nothing_unless_their_model_has_a_price() -> None:
    found = forecast(other("moderations", input="x"), other("moderations", model="m", input="x"))
    costs = {row.model: row.cost_least for row in found.rows}
    assert costs["default"] == 0
    assert (costs["m"] or 0) > 0
    assert found.unpriced_models == []


def test_what_an_endpoint_bills_that_nobody_knows_is_not_known() -> None:
    job = parse_line(other("score", model="m"), 1, ALL_OTHERS)
    forecaster = Forecaster(PRICES)
    forecaster.add([job])
    found = forecaster.forecast()
    assert (found.rows[0].cost_least, found.total.cost_most) == (None, None)
    assert (found.unpriced_models, found.unknown_urls) == ([], ["/v1/score"])


def test_without_prices_there_are_tokens_and_no_cost() -> None:
    found = forecast(line("m"), prices=None)
    assert (found.currency, found.total.cost_least) == (None, None)
    assert found.total.output_tokens_most == 2048


def test_nothing_is_nothing() -> None:
    assert forecast().total.jobs == 0


def test_each_job_has_the_prices_of_its_own_input_and_not_of_all_together() -> None:
    """Many short jobs are not a long one; with the margin, one may reach the next band."""
    short, long = line("b", max_tokens=1), line("b", max_tokens=1, system="x" * 4000)
    made = [parse_line(each, n) for n, each in enumerate((short, long), 1)]
    tokens = [each.input_estimate_tokens for each in made if isinstance(each, Job)]
    dear = PriceBand(from_input_tokens=tokens[1] + 1, input=Decimal(9_000_000))
    price = Price(input=Decimal(1_000_000), output=Decimal(0), bands=(dear,))
    prices = PriceTable(currency="CNY", models={"b": price})
    [row] = forecast(*[short] * 1000, long, prices=prices).rows
    assert row.cost_least == 1000 * tokens[0] + tokens[1]
    margin = [-(-count * 13 // 10) for count in (1000 * tokens[0], tokens[1])]
    assert row.cost_most == margin[0] + 9 * margin[1]
