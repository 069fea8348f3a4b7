"""The promises of design.md section 6 under answers, wrong estimates and company; virtual time."""

import json
import math
import random
from collections import deque
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from headrace.jobs import estimate_input_tokens
from headrace.runner import TrioTransport
from headrace.runner.transport import Wire

CHAT = "/v1/chat/completions"
MINUTE_S = 60.0


# -- a server that counts


class Window:
    """Counts requests and tokens of the 60 s before each arrival."""

    def __init__(self, rpm: float, tpm: float) -> None:
        self.rpm, self.tpm = rpm, tpm
        self.log: deque[tuple[float, int]] = deque()
        self.tokens = 0

    def admits(self, at_s: float, tokens: int) -> bool:
        """Whether one more fits; it counts only if it does."""
        while self.log and self.log[0][0] <= at_s - MINUTE_S:
            self.tokens -= self.log.popleft()[1]
        if len(self.log) >= self.rpm or self.tokens + tokens > self.tpm:
            return False
        self.log.append((at_s, tokens))
        self.tokens += tokens
        return True


# -- the estimator, wrong by a constant factor


class Billing:
    """Bills `factor` times the rule's estimate, and refuses what its minute has no room for."""

    def __init__(self, service: Any, *, factor: float, tpm: int, latency_s: float) -> None:
        self.window = Window(math.inf, tpm)
        self.refused_at_s: list[float] = []
        self.billed_tokens = 0
        rng = random.Random(5)

        def answer(seen: Any) -> Any:
            tokens = math.ceil(factor * estimate_input_tokens(CHAT, seen.body))
            if not self.window.admits(seen.at_s, tokens + 1):
                self.refused_at_s.append(seen.at_s)
                wait_s = self.window.log[0][0] + MINUTE_S - seen.at_s
                return service.error(429, "RATE_LIMIT", retry_after=str(math.ceil(wait_s)))
            self.billed_tokens += tokens
            delay_s = rng.uniform(0, latency_s)
            return service.fine(delay_s=delay_s, input_tokens=tokens, output_tokens=1)

        service.answer = answer


class Lanes:
    """Looks on, to see how many cool-downs a run had."""

    def __init__(self) -> None:
        self.lane: Any = None

    async def watch(self, progress: Any) -> None:
        self.lane = next(iter(progress.lanes))  # the only one
        await trio.sleep_forever()


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("latency_s", [0.5, 10.0])
async def test_an_estimate_wrong_by_a_constant_costs_one_cool_down_at_most(
    bench: Any, service: Any, autojump_clock: MockClock, factor: float, latency_s: float
) -> None:
    tpm = 100_000
    billing = Billing(service, factor=factor, tpm=tpm, latency_s=latency_s)
    rng = random.Random(7)
    words = [("word " * rng.randint(50, 350)).strip() for _ in range(400)]
    lines = [bench.chat_line(f"job-{n}", text, max_tokens=1) for n, text in enumerate(words)]
    bench.write(*lines)
    looking = Lanes()
    ran = await bench.run(service, tpm=tpm, watch=looking.watch, attempts=10)
    assert ran.outcome.succeeded == 400
    assert looking.lane.cool_downs <= 1
    assert len(billing.refused_at_s) == len(ran.attempts.filter(ran.attempts["http_status"] == 429))
    # Learnt: past the first minutes, the limit is used by what is billed, not by what was guessed.
    estimates = ran.manifest["estimates"]["m"]
    late = ran.attempts.sort("sent_at").tail(200)
    span_s = (late["sent_at"].max() - late["sent_at"].min()).total_seconds()
    if billing.billed_tokens > 4 * tpm:
        assert late["input_tokens"].sum() / span_s * 60 >= 0.8 * tpm
    assert estimates["answers"] == 400


# -- another client on the same key


@pytest.mark.slow
@pytest.mark.parametrize("window", ["fixed", "sliding"])
async def test_with_another_client_on_the_key_the_run_settles_at_what_is_left(
    bench: Any, autojump_clock: MockClock, window: str
) -> None:
    """Half of 60 a minute is someone else's: half is ours, with a refusal now and then."""
    gateway = bench.gateway(rpm=60, tpm=None, window=window)

    async def connect(_origin: object) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        bench.nursery.start_soon(gateway.serve_stream, theirs)
        return ours

    async def someone_else() -> None:
        body = json.dumps(
            {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "theirs"}]}
        )
        headers = {
            "authorization": f"Bearer {gateway.keys[0].secret}",
            "content-type": "application/json",
        }
        async with TrioTransport(connect=connect) as transport:
            url = "http://gateway.test" + CHAT
            while True:
                request = httpx.Request(
                    "POST", url, headers=headers, content=body, extensions={"wire": Wire()}
                )
                response = await transport.handle_async_request(request)
                await response.aread()
                await response.aclose()
                await trio.sleep(2.0)

    bench.write_chats(650, model="deepseek-v4-flash", max_tokens=20)
    looking = Lanes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(someone_else)
        ran = await bench.run_on(gateway, rpm=60, watch=looking.watch)
        nursery.cancel_scope.cancel()
    assert ran.outcome.succeeded == 650
    sent = ran.attempts.sort("sent_at")
    seconds = (sent["sent_at"] - sent["sent_at"].min()).dt.total_seconds(fractional=True)
    settled = sent.filter((seconds >= 300) & (seconds < 1200))
    # From 5 to 20 minutes: at least 27 a minute of the 30 that are left.
    assert len(settled.filter(settled["http_status"] == 200)) >= 15 * 27
    assert len(settled.filter(settled["http_status"] == 429)) <= 9
    assert sent["attempt"].max() <= 3


# -- across sessions


async def test_a_session_gives_each_job_its_attempts_anew_and_their_numbers_go_on(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Two attempts fail and the key is refused; the next session may try three times again."""
    service.answer = lambda seen: service.error(500 if seen.number < 3 else 401)
    bench.write_chats(1)
    first = await bench.run(service, attempts=3)
    assert first.outcome.exit_code == 5
    service.answer = lambda seen: service.error(500)
    second = await bench.run(service, attempts=3)
    assert second.attempts["attempt"].to_list() == [1, 2, 3, 4, 5, 6]
    assert second.results.select("status", "attempts").rows() == [("failed", 6)]
    assert "given up after 3 attempts" in second.results["error_message"][0]


async def test_a_deadline_is_counted_from_the_first_due_time_of_the_session(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """What waited for days for its run to be resumed is not given up unsent."""
    service.answer = lambda seen: service.error(401, "UNAUTHORIZED")
    bench.write_chats(1)
    await bench.run(service, deadline_s=3600)
    await trio.sleep(3 * 86_400)
    resumed_s = trio.current_time()
    service.answer = lambda seen: service.error(503, retry_after="1000")
    ran = await bench.run(service, deadline_s=3600)
    # 0, 1000, 2000 and 3000 s after the session's first; the next would be beyond the deadline.
    times_s = [at_s - resumed_s for at_s in service.post_times_s[1:]]
    assert times_s == pytest.approx([0.0, 1000.0, 2000.0, 3000.0])
    assert ran.results["status"].to_list() == ["failed"]
    assert "3600 s deadline" in ran.results["error_message"][0]


@pytest.mark.slow
async def test_ten_minutes_of_502_charge_nobody(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """With one attempt more than the outage takes to be noticed, every job succeeds."""

    def answer(seen: Any) -> Any:
        if 10 <= seen.at_s < 610:
            return service.error(502)
        return service.fine(delay_s=0.1)

    service.answer = answer
    bench.write_chats(300)
    ran = await bench.run(service, rpm=600, attempts=6)
    assert ran.outcome.succeeded == 300
    assert ran.outcome.failed == 0
    # From the 20th failure on, one probe at a time and at most one a minute: 1, 2, 4 ... 60 s.
    failed = ran.attempts.filter(ran.attempts["http_status"] == 502)
    assert len(failed) <= 20 + 16 + 16
    bodies = {json.loads(seen.body)["messages"][0]["content"] for seen in service.posts}
    assert len(bodies) == 300
