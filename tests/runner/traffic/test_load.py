"""Load runs in virtual time: what is sent when, what is recorded, and how runs end."""

import datetime as dt
import json
import math
import re
from decimal import Decimal
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import InputError, ModelLimits
from headrace.reports import summarise
from headrace.reports.headline import headline
from headrace.runner import RunDirectoryError
from headrace.runner.traffic.snapshot import in_words
from headrace.runner.traffic.view import look


async def test_an_open_loop_sends_at_the_due_times_and_waits_for_no_answer(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=5.0)
    ran = await traffic.over(service.connect, rate="10/s", duration_s=2.0)
    began_s = service.post_times_s[0]
    assert [at_s - began_s for at_s in service.post_times_s] == pytest.approx(
        [n / 10 for n in range(20)], abs=1e-9
    )
    assert ran.due_s() == [n / 10 for n in range(20)]
    assert ran.attempts["wait_s"].to_list() == pytest.approx([0.0] * 20, abs=1e-9)
    assert ran.attempts["latency_s"].to_list() == pytest.approx([5.0] * 20)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 20)


async def test_a_warm_up_comes_before_the_window_and_is_told_apart(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    ran = await traffic.over(service.connect, rate="2/s", duration_s=2.0, warmup_s=1.5)
    assert ran.due_s("warmup") == [-1.5, -1.0, -0.5]
    assert ran.due_s("measure") == [0.0, 0.5, 1.0, 1.5]
    facts = ran.facts
    assert (facts.measure_to - facts.measure_from).total_seconds() == 2.0
    # What was measured to its end, though the last answer was in before.
    assert facts.ended == facts.measure_to


async def test_what_is_in_flight_at_the_end_comes_in_within_its_grace(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The answers take 3 s, 6 s, 9 s, ...; those later than 5 s after the end are given up."""
    service.answer = lambda seen: service.fine(delay_s=3.0 * seen.number)
    ran = await traffic.over(service.connect, rate="1/s", duration_s=4.0, grace_s=5.0)
    assert ran.attempts["latency_s"].to_list()[:2] == pytest.approx([3.0, 6.0])
    assert ran.attempts["error_kind"].to_list() == [None, None, "cancelled", "cancelled"]
    assert ran.attempts["phase"].to_list() == ["measure"] * 4
    assert (ran.facts.ended - ran.facts.measure_to).total_seconds() == pytest.approx(5.0)
    assert ran.results["index"].to_list() == [0, 1]


async def test_a_concurrency_limit_queues_and_never_skips(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Two at a time of 1 s each, and four are due a second: each waits longer, none is left out."""
    service.answer = lambda seen: service.fine(delay_s=1.0)
    ran = await traffic.over(service.connect, rate="4/s", duration_s=3.0, concurrency=2)
    assert ran.due_s("measure") == [n / 4 for n in range(12)]
    sent_s = [math.floor(n / 2) for n in range(12)]
    # The first second's second request is due a quarter of a second after its slot is free.
    free_s = [0.0, 0.25]
    expected = []
    for n in range(12):
        left_s = max(n / 4, free_s[n % 2])
        free_s[n % 2] = left_s + 1.0
        expected.append(left_s - n / 4)
    assert sent_s[-1] == 5
    assert ran.attempts["wait_s"].to_list() == pytest.approx(expected)
    assert ran.facts.unsent == 0


async def test_what_the_concurrency_limit_kept_back_until_the_grace_was_over_is_counted(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=4.0)
    ran = await traffic.over(
        service.connect, rate="1/s", duration_s=6.0, concurrency=1, grace_s=3.0
    )
    # Sent at 0, 4 and 8 s; the last is cut off at 9 s.
    assert ran.attempts["error_kind"].to_list() == [None, None, *["cancelled"] * 4]
    assert ran.attempts["sent_at"].is_null().to_list() == [False] * 3 + [True] * 3
    assert ran.due_s("measure") == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert ran.attempts["custom_id"].to_list() == [f"load-{n}" for n in range(6)]
    assert ran.facts.unsent == 3
    assert ran.facts.cut_off - ran.facts.measure_from == dt.timedelta(seconds=9)


async def test_a_request_that_was_still_connecting_when_the_run_ended_has_a_row(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The first has the connection on which the balance was read; for the second none opens."""
    service.answer = lambda seen: service.fine(delay_s=60.0)
    opened: list[object] = []

    async def connect(origin: object) -> trio.abc.Stream:
        opened.append(origin)
        if len(opened) > 1:
            await trio.sleep_forever()
        stream: trio.abc.Stream = await service.connect(origin)
        return stream

    ran = await traffic.over(connect, rate="1/s", duration_s=2.0, grace_s=1.0)
    assert ran.attempts["error_kind"].to_list() == ["cancelled", "cancelled"]
    assert ran.attempts["sent_at"].is_null().to_list() == [False, True]
    assert ran.due_s("measure") == [0.0, 1.0]
    assert (ran.facts.unsent, ran.outcome.failed) == (1, 0)


async def test_what_a_stopped_run_had_not_sent_has_a_row(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Due by the moment of the stop; what would have been due later was never asked for."""
    service.answer = lambda seen: service.fine(delay_s=2.5)
    stop = traffic.stop_after(3.1)
    ran = await traffic.over(service.connect, rate="1/s", duration_s=60.0, concurrency=1, stop=stop)
    assert ran.due_s("measure") == [0.0, 1.0, 2.0, 3.0]
    assert ran.attempts["error_kind"].to_list() == [None, None, "cancelled", "cancelled"]
    assert ran.facts.unsent == 2


async def test_a_stream_that_was_cut_off_keeps_its_first_token(
    traffic: Any, autojump_clock: MockClock
) -> None:
    gateway = traffic.gateway(ttft_s=0.5, itl_s=10.0)
    ran = await traffic.on(
        gateway, rate="1/s", requests=1, grace_s=5.0, stream=True, output_tokens="50"
    )
    assert ran.attempts["error_kind"].to_list() == ["cancelled"]
    assert ran.attempts["ttft_s"].to_list() == pytest.approx([0.5], abs=1e-3)
    assert ran.attempts["latency_s"].to_list() == [None]


async def test_users_send_when_they_have_their_answer_and_have_thought(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=1.0)
    ran = await traffic.over(service.connect, users=2, think="500ms", duration_s=4.0)
    assert ran.due_s("measure") == pytest.approx([0.0, 0.0, 1.5, 1.5, 3.0, 3.0])
    assert ran.attempts["wait_s"].to_list() == pytest.approx([0.0] * 6, abs=1e-9)


async def test_a_run_ends_with_its_number_of_measured_requests(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    ran = await traffic.over(service.connect, rate="5/s", requests=7, warmup_s=1.0)
    assert len(ran.due_s("warmup")) == 5
    assert ran.due_s("measure") == pytest.approx([n / 5 for n in range(7)])
    # Seven requests are measured over the time that seven take.
    assert (ran.facts.measure_to - ran.facts.measure_from).total_seconds() == pytest.approx(1.4)


async def test_a_retry_that_is_due_after_the_end_is_drain(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(503, retry_after="2") if seen.number <= 2 else service.fine()
    )
    ran = await traffic.over(service.connect, rate="1/s", duration_s=2.0, attempts=9, seed=4)
    rows = ran.attempts.select("index", "attempt", "phase", "http_status").rows()
    assert [row for row in rows if row[1] == 1] == [(0, 1, "measure", 503), (1, 1, "measure", 503)]
    assert all(row[2:] == ("drain", 200) for row in rows if row[1] > 1)
    assert ran.outcome.succeeded == 2


async def test_a_429_is_a_result_and_holds_nothing_up(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    """No cool-down, no retry, and no limit from what the headers say."""
    service.answer = lambda seen: service.error(
        429, "RATE_LIMIT", retry_after="30", x_ratelimit_limit="1", x_ratelimit_remaining="0"
    )
    ran = await traffic.over(service.connect, rate="10/s", duration_s=3.0)
    assert ran.attempts["http_status"].to_list() == [429] * 30
    assert ran.attempts["retry_after_s"].to_list() == [30.0] * 30
    assert ran.attempts["wait_s"].max() == pytest.approx(0.0, abs=1e-9)
    assert (ran.outcome.failed, ran.outcome.exit_code) == (30, 1)


async def test_an_outage_holds_nothing_up(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(502)
    ran = await traffic.over(service.connect, rate="10/s", duration_s=6.0)
    assert ran.attempts["http_status"].to_list() == [502] * 60
    assert ran.attempts["wait_s"].max() == pytest.approx(0.0, abs=1e-9)


async def test_a_run_without_an_answer_is_not_called_valid(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(500)
    ran = await traffic.over(service.connect, rate="4/s", duration_s=3.0)
    summary = summarise(ran.directory)
    assert summary.load is not None
    assert summary.load.requests.answered == 0
    assert summary.load.verdict.verdict == "unknown"
    assert summary.load.verdict.why == ["no answer in the window: there is nothing to judge"]
    said = "No answer came in the measured window: there is nothing to judge."
    assert said in headline(summary)


async def test_the_client_s_own_limits_hold_where_they_are_asked_for(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    """60 a minute let one out each second, and what is due is not skipped."""
    ran = await traffic.over(service.connect, rate="2/s", duration_s=3.0, rpm=60)
    gaps_s = [b - a for a, b in zip(service.post_times_s, service.post_times_s[1:], strict=False)]
    assert len(ran.attempts) == 6
    assert gaps_s == pytest.approx([1.0] * 5)
    assert ran.attempts["wait_s"].to_list() == pytest.approx([n * 0.5 for n in range(6)])


async def test_a_model_s_own_limits_hold_for_it(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    model_limits = {
        "deepseek-v4-flash": ModelLimits(rpm=60, tpm=None),
        "another": ModelLimits(rpm=1, tpm=None),
    }
    ran = await traffic.over(service.connect, rate="2/s", duration_s=3.0, model_limits=model_limits)
    assert ran.attempts["wait_s"].to_list() == pytest.approx([n * 0.5 for n in range(6)])


async def test_fewer_requests_than_users_are_measured_all_the_same(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    """All users are due at once, and so was the end: every request came after it."""
    service.answer = lambda seen: service.fine(delay_s=1)
    ran = await traffic.over(service.connect, users=3, requests=2)
    assert ran.attempts["phase"].to_list() == ["measure"] * 2


async def test_ctrl_c_ends_the_run_early_and_keeps_what_was_measured(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.25)
    stop = traffic.stop_after(3.1)
    ran = await traffic.over(service.connect, rate="1/s", duration_s=60.0, stop=stop)
    assert ran.due_s("measure") == [0.0, 1.0, 2.0, 3.0]
    assert ran.outcome.succeeded == 4
    assert ran.outcome.exit_code == 130
    assert (ran.facts.measure_to - ran.facts.measure_from).total_seconds() == pytest.approx(3.1)
    assert ran.facts.unsent == 0


@pytest.mark.slow
async def test_one_seed_gives_the_same_requests_at_the_same_times(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    async def run(seed: int, name: str) -> tuple[list[float], list[bytes]]:
        service.posts.clear()
        ran = await traffic.over(
            service.connect,
            rate="20/s",
            arrivals="poisson",
            duration_s=2.0,
            prompt_tokens="uniform:10:50",
            seed=seed,
            out=str(traffic.path / name),
        )
        return ran.due_s(), [seen.body for seen in service.posts]

    first = await run(1, "a")
    assert await run(1, "b") == first
    assert await run(2, "c") != first
    assert first[0] == sorted(first[0])


async def test_jobs_of_a_file_are_sent_in_a_circle(
    traffic: Any, bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(2)
    bench.jobs.write_bytes(bench.jobs.read_bytes() + b"no job\n")
    ran = await traffic.over(service.connect, users=1, requests=5, jobs=str(bench.jobs))
    assert [seen.content for seen in service.posts] == [f"question {n % 2}" for n in range(5)]
    assert ran.results["custom_id"].to_list() == ["job-0", "job-1", "job-0#2", "job-1#2", "job-0#3"]
    assert (ran.outcome.rejected, ran.outcome.exit_code) == (1, 1)


async def test_conversations_carry_on_the_answers(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(f"answer {seen.number}")
    await traffic.over(
        service.connect, users=1, requests=3, turns="3", prompt_tokens="2", stream=False
    )
    last = json.loads(service.posts[2].body)["messages"]
    assert [message["role"] for message in last] == ["user", "assistant"] * 2 + ["user"]
    assert [each["content"] for each in last if each["role"] == "assistant"] == [
        "answer 1",
        "answer 2",
    ]


async def test_the_budget_stops_a_run_and_says_so(
    traffic: Any, service: Any, autojump_clock: MockClock, tmp_path: Any
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('currency = "CNY"\n[models."m"]\ninput = 1000\noutput = 1000\n')
    ran = await traffic.over(
        service.connect,
        rate="10/s",
        duration_s=60.0,
        model="m",
        prompt_tokens="2",
        output_tokens="5",
        prices=str(prices),
        max_cost=Decimal("0.5"),
    )
    assert ran.outcome.exit_code == 3
    assert 0 < ran.outcome.cost <= Decimal("0.5")
    assert ran.facts.measure_to is not None
    assert (ran.facts.measure_to - ran.facts.measure_from).total_seconds() < 60


@pytest.mark.slow
async def test_while_requests_are_due_nothing_is_sealed_and_at_the_end_everything(
    traffic: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal goes on in further segments; each becomes a part of its own."""
    monkeypatch.setattr("headrace.runner.record.recorder.SEGMENT_BYTES", 4000)
    service.answer = lambda seen: service.fine(delay_s=0.35)
    segments: list[int] = []

    async def watch(_progress: Any) -> None:
        while True:
            await trio.sleep(0.5)
            assert not list(traffic.path.glob("load.run/attempts/*.parquet"))
            segments.append(len(list(traffic.path.glob("load.run/journal/*.jsonl"))))

    ran = await traffic.over(service.connect, rate="10/s", duration_s=4.0, watch=watch)
    assert segments[0] < segments[-1] >= 5
    assert len(list(ran.directory.glob("attempts/*.parquet"))) >= segments[-1]
    assert ran.attempts["index"].to_list() == list(range(40))
    assert ran.results["index"].to_list() == list(range(40))
    assert not (ran.directory / "journal").exists()


async def test_run_json_says_what_is_measured_while_it_is(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    found: list[dict[str, Any]] = []

    async def watch(_progress: Any) -> None:
        await trio.sleep(1.0)
        found.append(json.loads((traffic.path / "load.run" / "run.json").read_bytes())["load"])

    await traffic.over(service.connect, rate="1/s", duration_s=4.0, warmup_s=2.0, watch=watch)
    assert found[0]["measure_from"] == "2026-06-09T08:30:22Z"
    assert found[0]["measure_to"] == "2026-06-09T08:30:26Z"
    assert found[0]["ended"] is None


async def test_a_display_shows_how_the_run_goes_on(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.5)
    looks: list[str] = []

    async def watch(progress: Any) -> None:
        for _ in range(3):
            await trio.sleep(1.3)
            words = in_words(look(progress))
            # Quantiles are within 2 % (test_histogram).
            looks.append(re.sub(r"(50\d|510) ms", "500 ms", words))

    await traffic.over(service.connect, rate="2/s", duration_s=3.0, warmup_s=2.0, watch=watch)
    assert looks == [
        "warming up, 1s of 2s, 2.0/s asked, 2.0/s sent, 1 in flight, no errors, valid so far",
        "measuring, 1s of 3s, 2.0/s asked, 2.0/s sent, 1 in flight, latency 500 ms (p95 500 ms), "
        "no errors, valid so far",
        "measuring, 2s of 3s, 2.0/s asked, 2.0/s sent, 1 in flight, latency 500 ms (p95 500 ms), "
        "no errors, valid so far",
    ]


async def test_a_directory_that_is_there_is_refused_and_nothing_is_sent(
    traffic: Any, service: Any, autojump_clock: MockClock
) -> None:
    (traffic.path / "load.run").mkdir()
    with pytest.raises(RunDirectoryError, match="is there already"):
        await traffic.over(service.connect, users=1, requests=1)
    assert service.posts == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"requests": 5}, "no shape; give one of --users 64, --rate 50/s"),
        ({"users": 1, "rate": "1/s", "requests": 5}, "--users and --rate are two shapes"),
        ({"users": 1}, "nothing ends the run; give --duration 60s or --requests 1000"),
        ({"users": 1, "requests": 5, "duration_s": 5.0}, "by --duration or by --requests"),
        ({"users": 0, "requests": 5}, "--users is 0"),
        ({"rate": "0/s", "requests": 5}, "the rate is 0"),
        ({"rate": "1/s", "think": "1s", "requests": 5}, "--think goes with --users"),
        ({"users": 1, "requests": 5, "max_cost": Decimal(1)}, "--max-cost needs prices"),
        ({"users": 1, "requests": 5, "extra": "[1]"}, "--extra is not a JSON object"),
        ({"users": 1, "requests": 5, "url": "/v1/none"}, "unknown url '/v1/none'"),
        ({"users": 1, "requests": 5, "prompt_tokens": "many"}, "--prompt-tokens is 'many'"),
        ({"users": 1, "requests": 5, "jobs": "none.jsonl"}, "none.jsonl"),
        ({"replay": "none.csv"}, "none.csv"),
        ({"rate": "1/s", "requests": 1, "trace_unit": "s"}, "--trace-unit goes with --replay"),
        ({"rate": "1/s", "requests": 1, "block_tokens": 9}, "--block-tokens goes with --replay"),
        ({"users": 1, "duration_s": 0.0}, "the duration is 0 s; it is more than 0 s"),
        ({"users": 1, "requests": 5, "objectives": ["ttft_s"]}, "a figure, not a condition"),
    ],
)
async def test_each_mistake_is_a_line_before_anything_is_made(
    traffic: Any, service: Any, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        await traffic.over(service.connect, **asked)
    assert words in caught.value.message
    assert list(traffic.path.iterdir()) == []
    assert service.posts == []
