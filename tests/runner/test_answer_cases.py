"""Answers as services send them, byte for byte, through a whole run: what each comes to.

The bytes are in tests/data/answers/cases.json. What is expected was worked out by hand from the
protocols' documentation, and from what the official clients read out of the same bytes.
"""

import base64
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import h11
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable

from .conftest import KEY, Bench

CASES: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "answers" / "cases.json").read_bytes()
)
# Per million tokens: a thousand of input and a hundred of output cost 0.002.
PRICE = Price(
    input=Decimal(1), cached_input=Decimal("0.1"), cache_write=Decimal("1.25"), output=Decimal(10)
)
FULL = "0.002"


class Replayed:
    """A service that answers each POST with the next of a case's scripts; the last is repeated."""

    def __init__(self, case: dict[str, Any], nursery: trio.Nursery) -> None:
        self.posts = 0
        self._nursery = nursery
        self._scripts = [
            script["steps"] for script in case["scripts"] for _ in range(script["times"])
        ]

    async def connect(self, _origin: object) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        try:
            while (method := await request_on(stream)) is not None:
                if method == b"GET":
                    await stream.send_all(b"HTTP/1.1 404 X\r\ncontent-length: 2\r\n\r\n{}")
                    continue
                steps = self._scripts[min(self.posts, len(self._scripts) - 1)]
                self.posts += 1
                for step in steps:
                    if step == "close":
                        return
                    if isinstance(step, float):
                        await trio.sleep(step)
                    elif "text" in step:
                        await stream.send_all(step["text"].encode())
                    else:
                        await stream.send_all(base64.b64decode(step["base64"]))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await stream.aclose()


async def request_on(stream: trio.abc.Stream) -> bytes | None:
    """The method of the next request, once it is whole; None at the connection's end."""
    connection = h11.Connection(h11.SERVER)
    method = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some()))
        elif isinstance(event, h11.Request):
            method = event.method
        elif isinstance(event, h11.EndOfMessage):
            return method
        elif not isinstance(event, h11.Data):
            return None


class Expected(NamedTuple):
    """`text`, `finish` and `cost` of the answer; of a failure its `code`. `posts` is how often it
    was asked for, of two attempts that are allowed per job."""

    text: str | None = "The Elbe."
    finish: str | None = "stop"
    cost: str | None = FULL
    code: str | None = None
    posts: int = 1
    exit_code: int = 0


def failed(code: str, *, posts: int = 2, exit_code: int = 1, cost: str | None = None) -> Expected:
    return Expected(None, None, cost, code, posts, exit_code)


GOOD = Expected()
CALLS = Expected(None, "tool_calls")
UNPRICED = Expected(cost=None)
AGAIN = Expected(posts=2)
EXPECTED = {
    "tool-index-0": CALLS,
    "tool-index-missing": CALLS,
    "tool-name-repeated": CALLS,
    "stream-error-vllm-old": failed("InternalServerError"),
    "stream-error-first": failed("GatewayTimeout"),
    "stream-error-named": failed("502"),
    "stream-only-done": failed("stream"),
    "stream-cut-done": failed("stream"),
    "kimi-usage-in-choice": GOOD,
    # 900 of the thousand are written to the cache, at 1.25.
    "litellm-cache-write": Expected(cost="0.002225"),
    "gemini-hidden-thoughts": UNPRICED,
    "usage-floats": GOOD,
    "usage-partial-null": UNPRICED,
    "usage-then-null": GOOD,
    "usage-choices-null": GOOD,
    "content-list": GOOD,
    "content-list-stream": GOOD,
    "surrogates": Expected("Hi \N{GRINNING FACE}"),
    "nan-logprob": GOOD,
    "bad-utf8": Expected("Th\ufffde"),
    "blank-lines-json": GOOD,
    "trailing-garbage": GOOD,
    "sse-for-unstreamed": GOOD,
    "json-in-event-stream": GOOD,
    "html-200-stream": failed("protocol"),
    "html-200": failed("protocol"),
    "keepalives": GOOD,
    "empty-data": GOOD,
    "single-newlines": GOOD,
    "no-done-no-usage": UNPRICED,
    "no-done-usage": GOOD,
    "finish-empty-string-cut": failed("stream"),
    "no-finish-done": Expected(finish=None),
    "azure-first": GOOD,
    "crlf": GOOD,
    "finish-error-stream": failed("502"),
    "error-in-200": failed("429"),
    "choices-empty": failed("UNUSABLE_ANSWER", posts=1),
    "reasoning-details": GOOD,
    "status-408": AGAIN,
    "status-520": AGAIN,
    "status-524": AGAIN,
    "status-201": GOOD,
    "insufficient-scope-403": failed("PERMISSION_DENIED", posts=1),
    "cf-403-html": failed("http", posts=5, exit_code=5),
    "quota-429": Expected(None, None, None, None, 1, 3),
    "fastapi-detail": failed("http", posts=1),
    "ra-60s": AGAIN,
    "ra-ms": AGAIN,
    "ra-words-go": AGAIN,
    "ra-reset": AGAIN,
    "length-long": GOOD,
    "length-short": failed("UNUSABLE_ANSWER", posts=1),
    "chunk-no-end": GOOD,
    "http10": GOOD,
    "gzip-sse": GOOD,
    "br-json": failed("UNUSABLE_ANSWER", posts=1),
    "m-input-zero-at-end": GOOD,
    "m-input-at-end": GOOD,
    "m-pause": Expected("One moment", "pause_turn"),
    "m-compaction": GOOD,
    "m-overloaded": AGAIN,
    "m-thinking": Expected(finish="content_filter"),
    "m-empty-done": failed("stream"),
    "m-openai-error": failed("500"),
    "utf8-bytewise": Expected("Der Flu\u00df \N{WATER WAVE}"),
    "no-space-multiline": GOOD,
    "trailers": GOOD,
    "gzip-429": AGAIN,
    "same-usage-twice": GOOD,
    "continuous-usage": GOOD,
    "continuous-usage-cut": failed("stream"),
    "images-float-usage": Expected(None, None, None),
    "custom-event": GOOD,
}
# Of many jobs, or of prices that PRICE lacks: each has a test of its own below.
APART = {
    "outage-521",
    "outage-503",
    "close-after",
    "silent-close-after",
    "m-cache-nested",
    "m-web-search",
}


def test_every_case_has_its_right_value() -> None:
    assert CASES.keys() == EXPECTED.keys() | APART


async def replay(bench: Bench, name: str, **fields: Any) -> tuple[Any, Replayed]:
    """A run of a case's jobs, two attempts each."""
    case = CASES[name]
    body = {**case["body"], "model": "m"}
    lines = [{"custom_id": f"j{n}", "url": case["url"], "body": body} for n in range(case["jobs"])]
    bench.write(*(json.dumps(line).encode() for line in lines))
    prices = PriceTable(currency="CNY", models={"m": PRICE})
    async with trio.open_nursery() as nursery:
        service = Replayed(case, nursery)
        options = {"prices": prices, "attempts": 2, **fields}
        ran = await bench.run_over(service.connect, KEY, **options)
        nursery.cancel_scope.cancel()
    return ran, service


@pytest.mark.parametrize("name", sorted(EXPECTED))
async def test_what_a_case_comes_to(bench: Bench, autojump_clock: MockClock, name: str) -> None:
    expected = EXPECTED[name]
    ran, service = await replay(bench, name, concurrency=1)
    assert (service.posts, ran.outcome.exit_code) == (expected.posts, expected.exit_code)
    # A run that stopped has no result of the job that made it stop.
    done = ran.results.height
    assert done == CASES[name]["jobs"] - (expected.exit_code in (3, 5)) or expected.exit_code == 3
    for result in ran.results.to_dicts():
        assert result["status"] == ("failed" if expected.code else "succeeded")
        assert result["error_code"] == expected.code
        assert (result["text"], result["finish_reason"]) == (expected.text, expected.finish)
        assert result["cost"] == (None if expected.cost is None else Decimal(expected.cost))


def calls_of(ran: Any) -> list[tuple[str, str, str]]:
    """Id, name and arguments of the tool calls of a run's only answer."""
    [response] = ran.results["response"]
    calls = json.loads(response)["choices"][0]["message"]["tool_calls"]
    return [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in calls]


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        (
            "tool-index-0",
            [("a", "get_tide", '{"port":"Brest"}'), ("b", "get_tide", '{"port":"Hull"}')],
        ),
        ("tool-index-missing", [("a", "get_tide", '{"port":"Brest"}')]),
        ("tool-name-repeated", [("a", "get_tide", '{"port":"Brest"}')]),
    ],
)
async def test_tool_calls_are_those_that_were_meant(
    bench: Bench, autojump_clock: MockClock, name: str, calls: list[tuple[str, str, str]]
) -> None:
    ran, _ = await replay(bench, name)
    assert calls_of(ran) == calls


async def test_why_a_cost_is_not_known_is_said(bench: Bench, autojump_clock: MockClock) -> None:
    said = {}
    for name in ("gemini-hidden-thoughts", "usage-partial-null", "no-done-no-usage"):
        ran, _ = await replay(bench, name, seed=1)
        said[name] = ran.attempts["cost_note"].item()
        shutil.rmtree(bench.directory)
    assert said == {
        "gemini-hidden-thoughts": (
            "total_tokens is 2,000 more than prompt and completion, and nothing says why"
        ),
        "usage-partial-null": "the usage lacks the tokens of the prompt or of the completion",
        "no-done-no-usage": "the answer does not say what it used",
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cf-403-html", "Attention Required!"),
        ("fastapi-detail", "body.messages: Field required"),
        ("html-200", "the answer is not JSON; it says: Sign in to hotel wifi (given up"),
        ("finish-error-stream", "provider went away (given up after 2 attempts)"),
    ],
)
async def test_a_failure_says_the_services_words(
    bench: Bench, autojump_clock: MockClock, name: str, words: str
) -> None:
    ran, _ = await replay(bench, name, concurrency=1)
    assert ran.results["error_message"][0].startswith(words)


@pytest.mark.parametrize(
    ("name", "seconds"), [("ra-60s", 3.0), ("ra-ms", 3.0), ("ra-words-go", 63.0), ("ra-reset", 3.0)]
)
async def test_what_is_asked_for_is_waited(
    bench: Bench, autojump_clock: MockClock, name: str, seconds: float
) -> None:
    ran, _ = await replay(bench, name)
    assert ran.attempts["retry_after_s"].to_list() == [seconds, None]
    first, second = ran.attempts["sent_at"]
    assert (second - first).total_seconds() >= seconds


@pytest.mark.parametrize(("name", "status"), [("outage-521", 521), ("outage-503", 503)])
async def test_a_service_that_is_away_for_a_while_costs_no_job_more_than_an_attempt(
    bench: Bench, autojump_clock: MockClock, name: str, status: int
) -> None:
    ran, service = await replay(bench, name)
    assert (ran.outcome.succeeded, ran.outcome.failed) == (30, 0)
    assert (service.posts, set(ran.attempts["http_status"])) == (53, {status, 200})


async def test_connections_that_close_after_each_answer_cost_no_attempt(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """(One that closes without a word is seen only on sockets: transport/test_sockets.py.)"""
    ran, service = await replay(bench, "close-after", concurrency=1)
    assert (ran.outcome.succeeded, service.posts) == (4, 4)
