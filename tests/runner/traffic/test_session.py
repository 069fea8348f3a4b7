"""A load run with the server's metrics beside it."""

import json
from typing import Any

import polars as pl
import trio
from trio.testing import MockClock

from headrace.jobs import check_run_files, check_tables
from headrace.runner import InterruptError, Stop

RUNNING = "headrace_gateway_num_requests_running"


def scrape_of(directory: Any) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((directory / "run.json").read_bytes())["load"]["scrape"]
    return facts


async def test_what_the_server_says_is_read_once_a_second_on_the_runs_clock(
    traffic: Any, autojump_clock: MockClock
) -> None:
    gateway = traffic.gateway(ttft_s=1.5, itl_s=0.0)
    ran = await traffic.on(
        gateway, users=4, duration_s=6.0, warmup_s=2.0, scrape="http://gateway.test/metrics"
    )
    directory = ran.outcome.directory
    check_run_files(directory)
    check_tables(directory)
    rows = pl.read_parquet(directory / "server.parquet").filter(pl.col("name") == RUNNING)
    moments = [(at - rows["at"][0]).total_seconds() for at in rows["at"]]
    first = pl.read_parquet(directory / "attempts" / "*.parquet")["due_at"].min()
    assert moments == [float(n) for n in range(len(moments))]
    assert 8 <= len(moments) <= 11
    assert rows["at"][0] == first
    assert rows["value"].max() == 4.0
    scrape = scrape_of(directory)
    assert (scrape["readings"], scrape["failed"], scrape["unread"]) == (len(moments), 0, 0)
    assert not (directory / "server.spool").exists()


async def test_a_server_without_metrics_stops_no_run(
    traffic: Any, autojump_clock: MockClock
) -> None:
    ran = await traffic.on(
        traffic.gateway(ttft_s=0.5), users=1, duration_s=3.0, scrape="http://gateway.test/nothing"
    )
    directory = ran.outcome.directory
    scrape = scrape_of(directory)
    assert ran.outcome.exit_code == 0
    assert scrape["failed"] == scrape["readings"] >= 3
    assert scrape["reasons"] == {"HTTP 404": scrape["failed"]}
    assert pl.read_parquet(directory / "server.parquet").height == 0


async def test_where_the_run_stops_at_once_the_pages_stay_as_they_came(
    traffic: Any, autojump_clock: MockClock
) -> None:
    stop = Stop(5.0)
    gateway = traffic.gateway(ttft_s=60.0)

    async def end() -> None:
        await trio.sleep(2.5)
        stop.request(InterruptError("interrupted"))
        stop.now()

    traffic.nursery.start_soon(end)
    ran = await traffic.over(
        traffic._to(gateway), key=gateway.keys[0].secret, stop=stop, users=1, duration_s=30.0,
        scrape="http://gateway.test/metrics",
    )  # fmt: skip
    directory = ran.outcome.directory
    assert ran.outcome.exit_code == 130
    assert (directory / "server.spool").stat().st_size > 0
    assert not (directory / "server.parquet").exists()
    assert scrape_of(directory)["readings"] == 3
