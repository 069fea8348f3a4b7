"""What a refusal means for the run: the key, the money, or a wrong path or model."""

import json
from typing import Any

import pytest
from trio.testing import MockClock

from tests.runner.conftest import Bench, Reply, Service


def refuse(status: int, code: str = "X", message: str = "went wrong") -> Reply:
    return Reply(status, json.dumps({"error": {"code": code, "message": message}}).encode())


@pytest.mark.parametrize(
    ("status", "exit_code", "words"),
    [
        (404, 1, "the service answered 404 to the first 5 jobs of m at /v1/chat/completions"),
        (405, 1, "the service answered 405"),
        (422, 1, "the service answered 422"),
        (400, 1, "the service answered 400"),
        (403, 5, "the gateway answered 403 to the first 5 jobs of m"),
    ],
)
async def test_the_same_refusal_of_the_first_five_jobs_stops_the_run(
    bench: Bench,
    service: Service,
    autojump_clock: MockClock,
    status: int,
    exit_code: int,
    words: str,
) -> None:
    """Told apart by status, code and words; digits and ids in them vary with each request."""
    service.answer = lambda seen: refuse(status, message=f"no model (request req-{seen.number}a9)")
    bench.write_chats(40)
    ran = await bench.run(service, concurrency=1)
    assert (len(service.posts), ran.outcome.exit_code) == (5, exit_code)
    assert ran.outcome.reason is not None
    assert ran.outcome.reason.startswith(words)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (413, "too large"),
        (400, "maximum context length is 8192 tokens"),
        (400, "blocked by the content policy"),
    ],
)
async def test_what_is_about_one_jobs_content_never_stops_a_run(
    bench: Bench, service: Service, autojump_clock: MockClock, status: int, message: str
) -> None:
    service.answer = lambda seen: refuse(status, message=message)
    bench.write_chats(12)
    ran = await bench.run(service, concurrency=1)
    assert (len(service.posts), ran.outcome.failed, ran.outcome.reason) == (12, 12, None)


@pytest.mark.parametrize("odd", [1, 3, 5])
async def test_one_answer_or_another_refusal_among_the_first_five_lets_the_run_continue(
    bench: Bench, service: Service, autojump_clock: MockClock, odd: int
) -> None:
    def answer(seen: Any) -> Reply:
        return service.fine() if seen.number == odd else refuse(404)

    service.answer = answer
    bench.write_chats(12)
    ran = await bench.run(service, concurrency=1)
    assert (len(service.posts), ran.outcome.succeeded, ran.outcome.reason) == (12, 1, None)


async def test_refusals_that_the_service_wants_tried_again_stop_nothing(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """As of a model that is being loaded. Broke: five of them ended the run."""
    loading = refuse(404)._replace(headers=(("x-should-retry", "true"),))
    service.answer = lambda seen: loading if seen.number <= 8 else service.fine()
    bench.write_chats(12)
    ran = await bench.run(service, concurrency=8)
    assert (ran.outcome.succeeded, ran.outcome.reason) == (12, None)


@pytest.mark.parametrize("status", [408, 409, 425, 429])
async def test_refusals_that_are_tried_again_by_their_status_stop_nothing(
    bench: Bench, service: Service, autojump_clock: MockClock, status: int
) -> None:
    service.answer = lambda seen: refuse(status) if seen.number <= 8 else service.fine()
    bench.write_chats(8)
    ran = await bench.run(service, concurrency=8)
    assert (ran.outcome.succeeded, ran.outcome.reason) == (8, None)


@pytest.mark.parametrize("other", ["Y", "X"])
async def test_refusals_are_alike_by_code_and_words(
    bench: Bench, service: Service, autojump_clock: MockClock, other: str
) -> None:
    """Five of one status, of which one differs in its code, or in its words."""
    words = "went wrong" if other == "Y" else "went elsewhere"
    service.answer = lambda seen: refuse(404, *((other, words) if seen.number == 5 else ()))
    bench.write_chats(9)
    ran = await bench.run(service, concurrency=1)
    assert (len(service.posts), ran.outcome.failed, ran.outcome.reason) == (9, 9, None)


async def test_each_model_is_judged_by_itself(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """The jobs of a model that works don't hide one that is missing."""
    service.answer = lambda seen: (
        refuse(404) if json.loads(seen.body)["model"] == "gone" else service.fine()
    )
    lines = [bench.chat_line(f"j{n}", model="gone" if n % 2 else "m") for n in range(40)]
    bench.write(*lines)
    ran = await bench.run(service, concurrency=1)
    assert ran.outcome.exit_code == 1
    assert ran.outcome.reason is not None
    assert "of gone at" in ran.outcome.reason
    assert len(service.posts) == 10


async def test_a_wrong_base_url_may_be_changed_until_something_succeeds(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: refuse(404)
    bench.write_chats(8)
    first = await bench.run(service, concurrency=1)
    assert first.outcome.exit_code == 1
    path = first.directory / "run.json"
    path.write_text(path.read_text().replace("http://gateway.test", "http://wrong.test"))
    service.answer = lambda seen: service.fine()
    second = await bench.run(service, retry_failed=True)
    assert (second.outcome.succeeded, second.outcome.failed) == (8, 0)
    assert second.manifest["base_url"] == "http://gateway.test"


@pytest.mark.parametrize(
    ("status", "code", "message", "stops"),
    [
        (402, "X", "pay first: your balance is too low", True),
        (403, "X", "the monthly budget is exhausted", True),
        (403, "X", "Insufficient credits", True),
        (403, "X", "Request had insufficient authentication scopes.", False),
        (403, "X", "balance sheets are not for you", False),
        (429, "insufficient_quota", "see the billing page", True),
        (400, "insufficient_quota", "used up", True),
        (429, "rate_limit_exceeded", "quota of 60 requests per minute exceeded", False),
        (400, "X", "Your credit balance is too low to access the API.", True),
        (400, "X", "the balance of your tree is insufficient", False),
        (400, "billing_hard_limit", "the budget is exceeded", True),
    ],
)
async def test_money_is_what_plainly_says_so(
    bench: Bench,
    service: Service,
    autojump_clock: MockClock,
    status: int,
    code: str,
    message: str,
    *,
    stops: bool,
) -> None:
    service.answer = lambda seen: (
        refuse(status, code, message) if seen.number == 1 else service.fine()
    )
    bench.write_chats(3)
    ran = await bench.run(service, concurrency=1)
    assert (ran.outcome.exit_code == 3) == stops
