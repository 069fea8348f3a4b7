"""Streams cut before their usage: sent again, and what they probably cost is said apart."""

import json
import shutil
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace import gateway
from headrace.jobs import Price, PriceTable, Usage
from headrace.reports import summarise
from headrace.runner.answers import Partial
from headrace.runner.outcome import AttemptOutcome
from headrace.runner.retries.failure import Failure
from headrace.runner.rows import probable_cost_of

from .conftest import Bench

pytestmark = pytest.mark.usefixtures("no_sync")

# As the gateway's own price table has it.
FLASH = Price(
    input=Decimal(1),
    cached_input=Decimal("0.02"),
    output=Decimal(2),
    search_request=Decimal("0.03"),
)
PRICES = PriceTable(currency="CNY", models={"deepseek-v4-flash": FLASH})
URLS = ("/v1/chat/completions", "/v1/messages", "/v1/search/completions")


def write_streams(bench: Bench, url: str, count: int) -> None:
    """Jobs of this endpoint, each with a text of its own."""
    lines = []
    for n in range(count):
        messages = [{"role": "user", "content": f"Tell me at length about the number {n}. " * 20}]
        body = {"model": "deepseek-v4-flash", "messages": messages, "stream": True}
        body["max_tokens"] = 400
        lines.append(json.dumps({"custom_id": f"job-{n}", "url": url, "body": body}).encode())
    bench.write(*lines)


@pytest.mark.parametrize("url", URLS)
async def test_the_probable_cost_of_a_stream_cut_before_its_usage_is_marked(
    bench: Bench, autojump_clock: MockClock, url: str
) -> None:
    """The gateway bills the whole of an answer that it cuts just before the usage."""
    write_streams(bench, url, 6)
    at_gateway = bench.gateway(faults=gateway.parse_faults("cut-usage@4"), output_tokens=200)
    ran = await bench.run_on(at_gateway, prices=PRICES, concurrency=1, rpm=60)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 6)
    attempts = ran.attempts
    # A chat stream that said why it ended is an answer, whose bill is not known.
    kinds = [] if url == "/v1/chat/completions" else ["stream"]
    assert attempts["error_kind"].drop_nulls().to_list() == kinds
    cut = attempts.filter(attempts["cost"].is_null()).row(0, named=True)
    assert (cut["custom_id"], cut["http_status"], cut["cost"]) == ("job-3", 200, None)
    assert cut["probable_cost"] <= cut["cost_bound"]
    assert attempts.filter(attempts["probable_cost"].is_not_null()).height == 1
    [billed] = [row for row in at_gateway.log_rows if row.fault == "cut-usage"]
    assert billed.charge is not None
    assert abs(cut["probable_cost"] - billed.charge) < billed.charge / 4
    # It is in no total, and the check names it.
    assert ran.outcome.cost == sum(attempts["cost"].drop_nulls().to_list(), Decimal(0))
    summary = summarise(ran.directory)
    check = summary.balance
    assert (check.verdict, check.computed) == ("differs", ran.outcome.cost)
    assert check.difference == billed.charge
    suspect = "stream cut" if kinds else "usage missing"
    assert check.suspect_counts == {suspect: 1}
    assert check.suspect_estimates == {suspect: cut["probable_cost"]}
    assert summary.usage.probable_cost == cut["probable_cost"]


async def test_a_stream_that_brought_all_but_its_last_line_is_paid_for_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    write_streams(bench, "/v1/chat/completions", 4)
    at_gateway = bench.gateway(faults=gateway.parse_faults("cut-done=1"), output_tokens=20)
    ran = await bench.run_on(at_gateway, prices=PRICES)
    assert (ran.outcome.exit_code, len(ran.attempts)) == (0, 4)
    assert summarise(ran.directory).balance.verdict == "agrees"


async def test_without_prices_there_is_no_probable_cost(
    bench: Bench, autojump_clock: MockClock
) -> None:
    write_streams(bench, "/v1/chat/completions", 1)
    ran = await bench.run_on(bench.gateway(faults=gateway.parse_faults("cut@1")))
    assert ran.attempts["error_kind"].to_list() == ["stream", None]
    assert ran.attempts["probable_cost"].to_list() == [None, None]


class Shape:
    """A job as far as its cost goes."""

    model = "deepseek-v4-flash"

    def __init__(self, url: str) -> None:
        self.url = url


def probable(url: str, partial: Partial | None, *, bound: Decimal | None = None) -> Decimal | None:
    outcome = AttemptOutcome(failure=Failure("stream", "broke"), partial=partial)
    job: Any = Shape(url)
    return probable_cost_of(job, outcome, PRICES, input_tokens=1_000_000, bound=bound)


def test_what_the_stream_told_goes_before_what_was_estimated() -> None:
    """A million input tokens cost 1, and 2 million output 4; a quarter token a character."""
    url = "/v1/messages"
    nothing = Usage()
    assert probable(url, None) is None
    assert probable(url, Partial("", nothing)) == 1
    assert probable(url, Partial("abcd" * 500_000, nothing)) == 2
    told = Usage(input_tokens=2_000_000, cached_input_tokens=1_000_000, output_tokens=1)
    assert probable(url, Partial("", told)) == Decimal("1.020002")
    assert probable(url, Partial("", Usage(output_tokens=2_000_000))) == 5
    assert probable(url, Partial("", nothing), bound=Decimal("0.5")) == Decimal("0.5")
    assert probable("/v1/search/completions", Partial("", nothing)) == Decimal("1.03")


def test_a_stream_that_said_that_it_failed_is_not_billed_a_search_nor_where_nothing_came() -> None:
    """Half a million tokens of output cost 1, a million of input 1, and a search 0.03."""
    job: Any = Shape("/v1/search/completions")
    told = Usage(input_tokens=2_000_000)
    found = []
    for text in ("", "abcd" * 500_000):
        outcome = AttemptOutcome(
            failure=Failure("stream", "overloaded"), partial=Partial(text, told), reported=True
        )
        found.append(probable_cost_of(job, outcome, PRICES, input_tokens=1, bound=None))
    assert found == [0, 3]


@pytest.mark.slow
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), url=st.sampled_from(URLS))
async def test_the_cost_stays_exact_whatever_is_cut(
    bench: Bench, autojump_clock: MockClock, seed: int, url: str
) -> None:
    """What the gateway charged is the cost, and what it charged for cut streams."""
    shutil.rmtree(bench.directory, ignore_errors=True)
    write_streams(bench, url, 8)
    faults = gateway.parse_faults("cut-usage=0.2,cut=0.1,cut-event=0.1,cut-first=0.1,cut-done=0.1")
    at_gateway = bench.gateway(faults=faults, seed=seed, output_tokens=30)
    ran = await bench.run_on(at_gateway, prices=PRICES, seed=seed, attempts=20)
    assert ran.outcome.exit_code == 0
    charged = {row.request_id: row.charge or Decimal(0) for row in at_gateway.log_rows}
    for row in ran.attempts.to_dicts():
        if row["error_kind"] is None and row["output_tokens"] is not None:
            assert row["cost"] == charged[row["request_id"]]
            assert row["probable_cost"] is None
        else:
            assert row["cost"] is None
            assert 0 < row["probable_cost"] <= row["cost_bound"]
