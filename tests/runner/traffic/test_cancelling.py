"""Clients that don't wait for their answers."""

import io
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from trio.testing import MockClock

from headrace.gateway import Gateway
from headrace.jobs import InputError
from headrace.reports import print_summary, summarise
from headrace.runner.traffic.cancelling import Cancelling, parse_cancel

PRICES = """
currency = "CNY"
[models."deepseek-v4-flash"]
input = 1000
output = 1000
"""


@pytest.mark.parametrize(
    ("text", "cancelling"),
    [("5%@2s", (0.05, 2.0)), (" 100 % @300ms", (1.0, 0.3)), ("0.25@1m", (0.25, 60.0))],
)
def test_a_share_and_a_time_are_read(text: str, cancelling: tuple[float, float]) -> None:
    assert tuple(parse_cancel(text)) == cancelling


@pytest.mark.parametrize("text", ["", "5%", "5%@", "@2s", "0%@2s", "101%@2s", "5%@0s", "nan@2s"])
def test_what_is_neither_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"such as 5%@2s$"):
        parse_cancel(text)


def test_the_seed_says_which_requests_are_cancelled() -> None:
    share = Cancelling(0.2, 1.0)
    chosen = [index for index in range(2000) if share.has(index, 7)]
    assert 340 < len(chosen) < 460
    assert chosen == [index for index in range(2000) if share.has(index, 7)]
    assert chosen != [index for index in range(2000) if share.has(index, 8)]


def rows_of(ran: Any) -> pl.DataFrame:
    return pl.read_parquet(ran.outcome.directory / "attempts" / "*.parquet").sort("index")


@pytest.mark.slow
async def test_a_cancelled_request_is_no_failure_and_its_bound_is_kept(
    traffic: Any, autojump_clock: MockClock
) -> None:
    """Answers take 3 s; half of the requests are given up after 1 s."""
    (traffic.path / "prices.toml").write_text(PRICES)
    gateway: Gateway = traffic.gateway(ttft_s=3.0, itl_s=0.0)
    ran = await traffic.on(
        gateway, rate="2/s", requests=40, cancel="50%@1s", warmup_s=0.0,
        prices=str(traffic.path / "prices.toml"), max_cost=Decimal(1000),
    )  # fmt: skip
    rows = rows_of(ran)
    given_up = rows.filter(pl.col("error_code") == "CLIENT_CANCELLED")
    assert 10 <= given_up.height <= 30
    assert given_up["error_kind"].unique().to_list() == ["cancelled"]
    assert given_up["error_message"][0] == "cancelled by this client after 1 s (--cancel)"
    assert rows.filter(pl.col("error_kind").is_not_null()).height == given_up.height
    # The server saw them leave after a second; whoever stayed had the answer after three.
    seen = {row.request_id: row for row in gateway.log_rows if row.model is not None}
    gone = [row for row in seen.values() if row.disconnected]
    assert len(gone) == given_up.height
    found = summarise(ran.outcome.directory)
    assert found.load is not None
    requests = found.load.requests
    assert (requests.given_up, requests.cut, requests.failed) == (given_up.height, 0, 0)
    assert (requests.error_rate, found.load.errors) == (0.0, [])
    assert ran.outcome.exit_code == 0
    console = Console(file=io.StringIO(), width=200)
    print_summary(found, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"{given_up.height} attempts cancelled as --cancel asks, perhaps billed" in printed
    assert f"{given_up.height} cancelled after 1.00 s, as asked for: not failures" in printed
    assert "when a session ended" not in printed
    assert given_up["cost_bound"].sum() > 0
    assert given_up["cost"].null_count() == given_up.height
    latency = found.load.spread("latency_s", "sent")
    assert latency is not None
    assert latency.adjusted_of is not None
    assert (latency.adjusted_of.failed, latency.adjusted_of.cut) == (0, given_up.height)
    # Half were not seen beyond 1 s, and of the others every one took 3 s.
    assert {each.name: each.value for each in latency.adjusted or []}["p50"] == pytest.approx(3.0)


@pytest.mark.slow
async def test_in_a_closed_loop_the_user_comes_back_with_a_new_conversation(
    traffic: Any, autojump_clock: MockClock
) -> None:
    gateway = traffic.gateway(ttft_s=10.0)
    ran = await traffic.on(gateway, users=1, requests=5, cancel="100%@2s", turns="3", think="1s")
    due = rows_of(ran)["due_at"]
    assert [(at - due[0]).total_seconds() for at in due] == [0.0, 3.0, 6.0, 9.0, 12.0]
    found = summarise(ran.outcome.directory).load
    assert found is not None
    assert (found.requests.given_up, found.requests.error_rate) == (5, None)


async def test_what_has_its_answer_in_time_is_not_cancelled(
    traffic: Any, autojump_clock: MockClock
) -> None:
    ran = await traffic.on(traffic.gateway(ttft_s=0.5), rate="5/s", requests=10, cancel="100%@9s")
    assert rows_of(ran)["error_kind"].null_count() == 10
