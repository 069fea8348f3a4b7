"""Requests that a service did nothing with: sent again, not counted, and not kept as money."""

import datetime as dt
from collections import Counter
from decimal import Decimal

import httpx
import trio
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from headrace.runner import RunEnvironment, RunSettings, Secret, TrioTransport, run_jobs
from headrace.runner.transport import UnprocessedError
from tests.runner.conftest import BEGAN, KEY, Bench, Ran, Service, at_once

PRICES = PriceTable(currency="CNY", models={"m": Price(input=Decimal(1), output=Decimal(1))})


class Refusing(httpx.AsyncBaseTransport):
    """Sends the first so many requests with each body in vain: a GOAWAY refused them."""

    def __init__(self, service: Service, times: int) -> None:
        self.inner = TrioTransport(connect=service.connect)
        self.times = times
        self.seen: Counter[bytes] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            body = request.content
            self.seen[body] += 1
            if self.seen[body] <= self.times:
                wire = request.extensions["wire"]
                wire.on_sent(trio.current_time())
                wire.sent_at_s = trio.current_time()
                raise UnprocessedError("the server said GOAWAY before it took the request")
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


async def run(bench: Bench, service: Service, *, refused: int, attempts: int = 2) -> Ran:
    environment = RunEnvironment(
        transport=Refusing(service, refused),
        offload=at_once,
        read=at_once,
        wall=lambda: BEGAN + dt.timedelta(seconds=trio.current_time()),
    )
    settings = RunSettings(
        base_url="http://gateway.test",
        key=Secret(KEY),
        rpm=None,
        tpm=None,
        seed=1,
        attempts=attempts,
        prices=PRICES,
        max_cost=Decimal(1),
    )
    outcome = await run_jobs(str(bench.jobs), bench.directory, settings, environment)
    return Ran(outcome, bench.directory)


async def test_what_was_not_processed_is_sent_again_and_neither_counted_nor_kept(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """Thirty in a row are not an outage either."""
    bench.write_chats(10, max_tokens=5)
    ran = await run(bench, service, refused=3)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 10)
    assert len(service.posts) == 10
    refused = ran.attempts.filter(ran.attempts["error_kind"] == "reset")
    assert len(refused) == 30
    assert refused["cost_bound"].null_count() == 30
    assert refused["cost"].to_list() == [Decimal(0)] * 30
    assert set(refused["error_code"]) == {"UNPROCESSED"}
    assert set(refused["error_message"]) == {"the server said GOAWAY before it took the request"}
    assert ran.results["attempts"].to_list() == [4] * 10  # all are rows
    assert trio.current_time() < 3.0  # no pause of an outage


async def test_a_service_that_takes_nothing_at_all_ends_the_job(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """Twenty are free, and two are charged."""
    bench.write_chats(1, max_tokens=5)
    ran = await run(bench, service, refused=99)
    assert ran.outcome.exit_code == 1
    assert len(ran.attempts) == 22
    words = ran.results["error_message"].to_list()[0]
    assert words is not None
    assert words.endswith("(given up after 2 attempts)")
