"""--max-cost: what the computed cost may come to, whatever comes back; in virtual time."""

import json
import random
import shutil
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import InputError, Price, PriceTable, SegmentName, Sent
from headrace.runner.errors import InterruptError
from headrace.runner.record.journal import Journal
from headrace.runner.stop import Stop

# A token costs one: amounts can be counted by hand.
ONE = Decimal(1_000_000)
PRICES = PriceTable(currency="CNY", models={"m": Price(input=ONE, output=ONE)})


def bound_of(line: bytes) -> int:
    """Tokens: every byte of the body as it is sent, 64 a request, 16 a message, and max_tokens."""
    body = json.loads(line)["body"]
    return len(json.dumps(body)) + 64 + 16 + int(body["max_tokens"])


async def test_what_fits_runs_and_the_rest_stays_unsent(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Each job may cost its bound and does cost 10: the last that fits leaves, and no other."""
    line = bench.chat_line("job-0", "question 0", max_tokens=50)
    bound = bound_of(line)
    bench.write_chats(10, max_tokens=50)
    ran = await bench.run(
        service, concurrency=1, prices=PRICES, max_cost=Decimal(bound + 35), rpm=60
    )
    # Before the n-th, 10 (n - 1) are spent: the bound fits four times.
    assert len(service.posts) == 4
    assert ran.outcome.exit_code == 3
    assert ran.outcome.cost == 40
    assert ran.outcome.reason == (
        f"the next job may cost up to {bound} CNY, and with 40 spent that goes beyond --max-cost "
        f"{bound + 35} CNY; raise --max-cost, and run the same command again to resume"
    )
    assert ran.attempts["cost_bound"].to_list() == [bound] * 4
    again = await bench.run(service, prices=PRICES, max_cost=Decimal(bound + 90))
    assert again.outcome.exit_code == 0
    assert again.outcome.cost == 100
    assert str(again.outcome.cost) == "100"  # read again, it had twelve decimals
    assert len(service.posts) == 10


async def test_attempts_in_flight_hold_their_bounds_and_give_back_what_they_did_not_use(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Room for two bounds at once: two leave, and the third when the first has come back."""
    bound = bound_of(bench.chat_line("job-0", "question 0", max_tokens=50))
    service.answer = lambda seen: service.fine(delay_s=float(seen.number))
    bench.write_chats(3, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(2 * bound + 10))
    assert service.post_times_s == [0.0, 0.0, 1.0]
    assert (ran.outcome.exit_code, ran.outcome.cost) == (0, 30)


async def test_a_job_that_waits_for_money_is_not_overtaken(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The large one fits once both before it are back; the small one behind it would fit before."""
    lines = [bench.chat_line(f"job-{n}", str(n), max_tokens=50) for n in range(4)]
    lines[2] = bench.chat_line("job-2", "2", max_tokens=150)
    small, large = bound_of(lines[0]), bound_of(lines[2])
    assert small < large < 2 * small
    service.answer = lambda seen: service.fine(delay_s=float(seen.number))
    bench.write(*lines)
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(2 * small + 20), concurrency=10)
    assert ran.outcome.succeeded == 4
    assert [seen.content for seen in service.posts[2:]] == ["2", "3"]
    assert service.post_times_s[:3] == [0.0, 0.0, 2.0]


async def test_what_is_in_flight_finishes_before_the_stop(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bound = bound_of(bench.chat_line("job-0", "question 0", max_tokens=50))
    service.answer = lambda seen: service.fine(delay_s=100.0, output_tokens=50)
    bench.write_chats(5, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(2 * bound), grace_s=1)
    assert ran.outcome.exit_code == 3
    # Two at once, then one by one while 57 a job leave room for another bound; none is cut off.
    assert bound == 219
    assert service.post_times_s == [0.0, 0.0, 100.0, 200.0]
    assert ran.attempts["error_kind"].to_list() == [None] * 4
    assert ran.outcome.cost == 4 * 57


async def test_an_answer_that_never_came_keeps_its_bound_as_spent_across_sessions(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The first is cut off by a stop; what it may have cost is counted by the next session too."""
    bound = bound_of(bench.chat_line("job-0", "question 0", max_tokens=50))
    service.answer = lambda seen: service.fine(delay_s=1e6)
    bench.write_chats(2, max_tokens=50)
    stop = Stop(grace_s=0.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt_after, stop, 5.0)
        await bench.run(
            service, concurrency=1, prices=PRICES, max_cost=Decimal(9 * bound), stop=stop
        )
    service.answer = lambda seen: service.fine()
    again = await bench.run(service, prices=PRICES, max_cost=Decimal(2 * bound - 1))
    assert again.outcome.exit_code == 3
    assert f"0 spent and {bound} kept for attempts whose bill is unknown" in again.outcome.reason
    assert len(service.posts) == 1
    third = await bench.run(service, prices=PRICES, max_cost=Decimal(2 * bound + 10))
    assert (third.outcome.exit_code, third.outcome.cost) == (0, 20)


def lose(bench: Any, bound: int | Decimal) -> None:
    """What a kill leaves of the second job: it was sent."""
    (bench.directory / "journal").mkdir()
    journal = Journal(bench.directory / "journal", SegmentName(9))
    journal.append(
        Sent(
            index=1,
            custom_id="job-1",
            model="m",
            url="/v1/chat/completions",
            attempt=1,
            due_at=bench.began,
            sent_at=bench.began,
            cost_bound=Decimal(bound),
        )
    )
    journal.close()


async def test_a_lost_attempt_keeps_its_bound_as_spent(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The process was killed after it sent the second job: the journal has no end of it."""
    line = bench.chat_line("job-0", "question 0", max_tokens=50)
    bound = bound_of(line)
    bench.write(line)
    await bench.run(service, prices=PRICES)
    bench.write(line, bench.chat_line("job-1", "question 1", max_tokens=50))
    lose(bench, bound)
    for _ in range(2):  # found by the first, read from Parquet by the second
        ran = await bench.run(service, prices=PRICES, max_cost=Decimal(10 + 2 * bound - 1))
        assert ran.outcome.exit_code == 3
        assert f"10 spent and {bound} kept for attempts" in (ran.outcome.reason or "")
        assert ran.attempts["error_kind"].to_list() == [None, "lost"]
        assert ran.attempts["cost_bound"].to_list() == [bound, bound]
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(10 + 2 * bound))
    assert (ran.outcome.exit_code, ran.outcome.cost) == (0, 20)


async def interrupt_after(stop: Stop, seconds: float) -> None:
    await trio.sleep(seconds)
    stop.request(InterruptError("interrupted"))


@pytest.mark.parametrize("status", [500, 502, 504, 529])
async def test_a_refusal_costs_nothing_and_a_failure_and_a_cut_answer_keep_their_bounds(
    bench: Any, service: Any, autojump_clock: MockClock, status: int
) -> None:
    """A 5xx may have been billed: 16 CNY left an account under --max-cost 0.001."""
    bound = bound_of(bench.chat_line("job-0", "question 0", max_tokens=50))
    replies = [service.error(status), service.error(429), service.fine()._replace(body=None)]
    service.answer = lambda seen: replies[seen.number - 1] if seen.number <= 3 else service.fine()
    bench.write_chats(1, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(3 * bound))
    assert ran.outcome.exit_code == 0
    assert len(service.posts) == 4
    shutil.rmtree(ran.directory)
    service.posts.clear()
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(3 * bound - 1))
    assert ran.outcome.exit_code == 3
    assert f"{2 * bound} kept for attempts whose bill is unknown" in (ran.outcome.reason or "")
    assert len(service.posts) == 3


async def test_the_first_answer_above_its_bound_stops_the_run_and_is_named(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """2,000 CNY were computed under --max-cost 1, job by job."""
    bound = bound_of(bench.chat_line("job-0", "question 0", max_tokens=50))
    service.answer = lambda seen: (
        service.fine(output_tokens=5000, delay_s=1) if seen.number == 2 else service.fine(delay_s=1)
    )
    bench.write_chats(6, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(10**6), concurrency=1)
    assert ran.outcome.exit_code == 3
    assert ran.outcome.cost == 10 + 5007
    assert len(service.posts) == 2
    assert ran.results["status"].to_list() == ["succeeded"] * 2  # it was paid for, and is kept
    assert (ran.outcome.reason or "").startswith(
        f"job 'job-1' costs 5007 CNY by its own usage, more than the {bound} that it could cost "
    )
    again = await bench.run(service, prices=PRICES, max_cost=Decimal(10**6), concurrency=1)
    assert (again.outcome.exit_code, again.outcome.cost) == (0, 5017 + 40)


async def test_images_beyond_n_stop_the_run(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    data = [{"url": f"https://example.com/{n}.png"} for n in range(5)]
    service.answer = lambda seen: service.fine()._replace(body=json.dumps({"data": data}).encode())
    body = {"model": "m", "prompt": "a cat", "n": 2}
    line = {"custom_id": "cat", "url": "/v1/images/generations", "body": body}
    bench.write(*(json.dumps({**line, "custom_id": f"cat-{n}"}).encode() for n in range(3)))
    prices = PriceTable(currency="CNY", models={"m": Price(images={"default": Decimal(1)})})
    ran = await bench.run(service, prices=prices, max_cost=Decimal(100), concurrency=1)
    assert (ran.outcome.exit_code, ran.outcome.cost) == (3, 5)
    assert "job 'cat-0' costs 5 CNY by its own usage, more than the 2 " in ran.outcome.reason
    assert len(service.posts) == 1


async def test_an_answer_above_its_bound_stops_nothing_without_max_cost(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(output_tokens=5000)
    bench.write_chats(3, max_tokens=50)
    ran = await bench.run(service, prices=PRICES)
    assert (ran.outcome.exit_code, ran.outcome.cost) == (0, 3 * 5007)


async def test_a_job_without_a_price_or_a_bound_is_rejected_under_it_and_only_under_it(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write(
        bench.chat_line("good", max_tokens=5),
        bench.chat_line("endless"),
        bench.chat_line("unpriced", max_tokens=5, model="other"),
    )
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(10**6))
    assert ran.outcome.exit_code == 1
    assert ran.results["custom_id"].to_list() == ["good"]
    assert [(row["line"], row["custom_id"]) for row in ran.rejects] == [
        (2, "endless"),
        (3, "unpriced"),
    ]
    assert "max_output_tokens" in ran.rejects[0]["reason"]
    assert "'other'" in ran.rejects[1]["reason"]
    without = await bench.run(service, prices=PRICES)
    assert (without.outcome.exit_code, len(without.results)) == (0, 3)


async def test_without_prices_it_is_refused_and_nothing_is_made(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(1)
    with pytest.raises(InputError, match="--max-cost needs prices: give --prices FILE"):
        await bench.run(service, max_cost=Decimal(1))
    assert not bench.directory.exists()


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity"])
async def test_no_amount_is_refused(
    bench: Any, service: Any, autojump_clock: MockClock, amount: str
) -> None:
    bench.write_chats(1)
    with pytest.raises(InputError, match="an amount above zero"):
        await bench.run(service, prices=PRICES, max_cost=Decimal(amount))


# -- the promise, over random runs


def world_of(seed: int, bench: Any, service: Any) -> None:
    """Random jobs, and a service that bills up to the bound, fails and breaks off at random."""
    rng = random.Random(seed)
    lines = [
        bench.chat_line(f"job-{n}", "x" * rng.randint(0, 80), max_tokens=rng.randint(1, 200))
        for n in range(rng.randint(1, 12))
    ]
    bench.write(*lines)

    def answer(seen: Any) -> Any:
        asked = json.loads(seen.body)
        luck = rng.random()
        delay_s = rng.choice([0.0, 0.5, 20.0])
        if luck < 0.15:
            return service.error(rng.choice([429, 500, 502, 400]))
        if luck < 0.25:
            return service.fine()._replace(body=None, delay_s=delay_s)
        input_tokens = rng.randint(1, len(seen.body) + 80)
        output_tokens = rng.randint(0, asked["max_tokens"])
        return service.fine(delay_s=delay_s, input_tokens=input_tokens, output_tokens=output_tokens)

    service.answer = answer


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32),
    caps=st.lists(st.integers(1, 4000), min_size=1, max_size=3),
    concurrency=st.integers(1, 5),
)
async def test_the_computed_cost_never_exceeds_it(
    bench: Any,
    service: Any,
    autojump_clock: MockClock,
    seed: int,
    caps: list[int],
    concurrency: int,
) -> None:
    """Sessions with rising ceilings, some broken off in the middle."""
    shutil.rmtree(bench.directory, ignore_errors=True)
    world_of(seed, bench, service)
    rng = random.Random(seed)
    costs = []
    for cap in sorted(caps):
        stop = Stop(grace_s=0.0)
        async with trio.open_nursery() as nursery:
            if rng.random() < 0.5:
                nursery.start_soon(interrupt_after, stop, rng.choice([0.0, 0.4, 3.0]))
            ran = await bench.run(
                service,
                prices=PRICES,
                max_cost=Decimal(cap),
                concurrency=concurrency,
                stop=stop,
                attempts=3,
            )
            nursery.cancel_scope.cancel()
        attempts = ran.attempts
        status = pl.col("http_status")
        unrefused = status.is_null() | (status == 200) | (status >= 500)
        unknown = attempts.filter(pl.col("cost").is_null() & unrefused)
        spent = sum(attempts["cost"].drop_nulls().to_list(), Decimal(0))
        kept = sum(unknown["cost_bound"].to_list(), Decimal(0))
        assert ran.outcome.cost == spent
        assert spent + kept <= cap
        assert ran.outcome.exit_code in (0, 1, 3, 130)
        costs.append(spent)
    assert len(costs) == len(caps)
    assert costs == sorted(costs)  # of the run, not of the session
