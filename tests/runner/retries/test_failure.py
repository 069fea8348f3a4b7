"""Which failures are tried again, and whom they charge; in virtual time."""

import json
import shutil
from decimal import Decimal
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from headrace.runner.retries.failure import Failure
from headrace.runner.transport import TrioTransport, UnprocessedError
from tests.runner.conftest import Bench, Reply, Service

TRIED_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 524, 529, 599)
NOT = (400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 451, 501, 505)


@pytest.mark.parametrize(
    ("status", "retried"), [*((s, True) for s in TRIED_AGAIN), *((s, False) for s in NOT)]
)
def test_what_is_tried_again_by_its_status(status: int, *, retried: bool) -> None:
    assert Failure("http", "m", status=status).retried == retried
    assert not Failure("http", "m", status=status, final=True).retried


def test_a_service_may_say_whether_to_try_again_but_not_of_the_key_or_the_money() -> None:
    told = {
        (s, t): Failure("http", "m", status=s, retry_told=t).retried
        for s in (400, 401, 402, 403, 429, 500)
        for t in (True, False)
    }
    assert {key for key, retried in told.items() if retried} == {
        (400, True),
        (429, True),
        (500, True),
    }


async def test_x_should_retry_is_obeyed(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    says = {1: (400, "true"), 2: (500, "false")}

    def answer(seen: Any) -> Reply:
        if seen.number not in says:
            return service.fine()
        status, told = says[seen.number]
        return Reply(status, b'{"error": {"message": "m"}}', (("x-should-retry", told),))

    service.answer = answer
    bench.write_chats(1)
    ran = await bench.run(service)
    assert ran.attempts["http_status"].to_list() == [400, 500]
    assert ran.outcome.failed == 1


@pytest.mark.parametrize("tries", [2, 3])
async def test_a_job_that_outlasts_a_proxy_is_given_up_and_holds_nobody_in_an_outage(
    bench: Bench, service: Service, autojump_clock: MockClock, tries: int
) -> None:
    """504 after 60 s each: 35 of them were billed for nothing, in an outage that never ended."""

    def answer(seen: Any) -> Reply:
        if json.loads(seen.body)["messages"][0]["content"] == "question 3":
            return Reply(504, b"<title>Gateway Time-out</title>", delay_s=60.0)
        return service.fine()

    service.answer = answer
    bench.write_chats(8)
    ran = await bench.run(service, concurrency=1, attempts=tries)
    assert (ran.outcome.succeeded, ran.outcome.failed) == (7, 1)
    assert len(service.posts) == 7 + tries
    [message] = ran.results.filter(status="failed")["error_message"]
    assert message == f"Gateway Time-out (given up after {tries} attempts)"


async def test_jobs_that_all_outlast_a_proxy_are_given_up_one_by_one(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """Nothing has ever succeeded, so it is an outage; but its probes are charged."""
    service.answer = lambda seen: Reply(504, b"{}", delay_s=60.0)
    bench.write_chats(12)
    ran = await bench.run(service, concurrency=4, attempts=2, outage_s=24 * 3600.0)
    assert (ran.outcome.failed, len(service.posts)) == (12, 24)


async def test_503_between_answers_slows_the_lane_as_429_does(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """As nginx's limit_req does: more than 10 in the last 10 s are refused."""
    refused = {}
    for status in (429, 503):
        service.posts.clear()

        def answer(seen: Any, status: int = status) -> Reply:
            recent = [t for t in service.post_times_s if t > seen.at_s - 10.0]
            return Reply(status, b"busy") if len(recent) > 10 else service.fine()

        service.answer = answer
        bench.write_chats(60)
        ran = await bench.run(service, concurrency=4, attempts=50)
        assert ran.outcome.succeeded == 60
        refused[status] = ran.attempts.filter(http_status=status).height
        shutil.rmtree(ran.directory)
    assert 0 < refused[503] <= refused[429] * 1.1


async def test_what_a_server_did_nothing_with_is_sent_again_and_counts_for_nothing(
    bench: Bench, service: Service, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As HTTP/2 says it by GOAWAY: no attempt is charged, no money kept, and no outage begins."""
    sent = TrioTransport.request
    turned_away = 30

    async def request(self: Any, origin: Any, data: bytes, wire: Any) -> Any:
        nonlocal turned_away
        if data.startswith(b"POST") and turned_away:
            turned_away -= 1
            wire.on_sent(trio.current_time())
            wire.sent_at_s = trio.current_time()
            raise UnprocessedError("GOAWAY")
        return await sent(self, origin, data, wire)

    monkeypatch.setattr(TrioTransport, "request", request)
    bench.write_chats(1, max_tokens=10)
    prices = PriceTable(currency="CNY", models={"m": Price(input=Decimal(1), output=Decimal(1))})
    ran = await bench.run(service, attempts=1, prices=prices, max_cost=Decimal(1))
    assert (ran.outcome.succeeded, len(ran.attempts)) == (1, 31)
    assert ran.attempts["cost"].to_list()[:-1] == [Decimal(0)] * 30
    assert ran.attempts["error_kind"].to_list()[:-1] == ["reset"] * 30
