"""Bulk runs that several workers send, in one loop and in virtual time: all is as with one."""

import json
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import ModelLimits, Price, PriceTable
from headrace.reports import summarise
from headrace.runner import Stop
from headrace.runner.errors import InterruptError, RunDirectoryError
from headrace.runner.record.lock import locked
from headrace.runner.workers import session
from tests.runner.test_form_check import table as form_table

pytestmark = pytest.mark.usefixtures("no_sync")


def bodies(service: Any) -> Counter[bytes]:
    return Counter(post.body for post in service.posts)


async def test_every_job_is_sent_once_and_has_its_result(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.3)
    bench.write_chats(90)
    ran = await bench.run(service, workers=3, concurrency=12)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 90)
    assert ran.results["index"].to_list() == list(range(90))
    assert set(bodies(service).values()) == {1}
    parts = sorted(part.name for part in (ran.directory / "results").iterdir())
    assert parts == [f"part-w0{n}-000001.parquet" for n in (1, 2, 3)]
    assert not (ran.directory / "journal").exists()


async def test_what_is_in_flight_for_an_instant_is_known(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Regression: a run of many jobs that ended between two reports had a peak of 0 in flight."""
    service.answer = lambda seen: service.fine(delay_s=0.02)
    bench.write_chats(16)
    ran = await bench.run(service, workers=2, concurrency=12)
    assert summarise(ran.directory).limits.concurrency.most_in_flight == 12


async def test_without_prices_the_last_reading_waits_for_charges_of_all_workers(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Regression: it was made at once, and so told no price: charges may be booked late."""
    service.answer = lambda seen: service.fine(delay_s=0.3)
    body = json.dumps({"currency": "CNY", "balance": 10.0}).encode()
    service.balance = lambda: service.fine()._replace(body=body)
    bench.write_chats(8)
    ran = await bench.run(service, workers=2, concurrency=8)
    ended = ran.attempts.select(pl.col("sent_at") + pl.duration(milliseconds=300)).max().item()
    assert ran.readings["read_at"].max() - ended >= timedelta(seconds=1.5)


async def test_jobs_fail_are_tried_again_and_lines_are_rejected_as_with_one(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    def answer(seen: Any) -> Any:
        if b"question 7" in seen.body:
            return service.error(400, "BAD", "it is wrong")
        return service.fine() if seen.number % 5 else service.error(503)

    service.answer = answer
    bench.write(*(bench.chat_line(f"job-{n}", f"question {n}.") for n in range(40)), b"not a job")
    ran = await bench.run(service, workers=2)
    assert (ran.outcome.succeeded, ran.outcome.failed, ran.outcome.rejected) == (39, 1, 1)
    assert ran.outcome.exit_code == 1
    assert ran.results.filter(ran.results["status"] == "failed")["index"].to_list() == [7]
    assert ran.attempts.height == len(service.posts)


@pytest.mark.slow
async def test_what_all_workers_spent_is_held_against_the_account(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """At the last reading, too: the reports of the last jobs are in by then."""
    price = Price(input=Decimal(1), output=Decimal(2))
    prices = PriceTable(currency="CNY", models={"m": price})
    service.answer = lambda seen: service.fine(delay_s=0.3)
    bench.write_chats(100)
    ran = await bench.run(service, workers=3, concurrency=12, prices=prices)
    spent = ran.attempts["cost"].sum()
    assert spent > 0
    assert (ran.outcome.cost, ran.readings["spent"].to_list()) == (spent, [0, spent])


async def test_limits_and_money_are_there_for_workers_as_soon_as_they_ask(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """What they say while the coordinator does something else waits for no later report: no job
    waits much longer than the messages that bring its share and its lease."""
    service.answer = lambda seen: service.fine(delay_s=0.3)
    bench.write_chats(24)
    ran = await bench.run(service, workers=3, concurrency=24, prices=PRICES)
    began = ran.attempts["sent_at"].min()
    assert ran.outcome.succeeded == 24
    assert (ran.results["ended_at"].max() - began).total_seconds() < 0.5
    started = datetime.fromisoformat(ran.manifest["sessions"][0]["started_at"])
    assert began - started < timedelta(seconds=0.1)


@pytest.mark.slow
async def test_limits_hold_for_all_workers_together(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(400)
    ran = await bench.run(service, workers=2, rpm=120)
    assert ran.outcome.succeeded == 400
    times_s = service.post_times_s
    in_a_minute = max(
        sum(start_s <= at_s < start_s + 60 for at_s in times_s) for start_s in times_s
    )
    assert in_a_minute <= 120
    # Past the first minute at least 98 % of the limit is used, as long as there is work for all.
    past = [at_s for at_s in times_s if 60.5 <= at_s - times_s[0] < 180.5]
    assert len(past) >= 0.98 * 240


async def test_what_a_lost_worker_had_not_done_goes_to_another(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.5)
    bench.write_chats(80)
    told: list[str] = []
    ran = await bench.run(service, workers=3, concurrency=9, kill={2: 2.2}, announce=told.append)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 80)
    assert ran.results["index"].to_list() == list(range(80))
    lost = ran.attempts.filter(ran.attempts["error_kind"] == "lost")
    assert 1 <= lost.height <= 9
    # What was in flight is sent once more, as the job's second attempt; nothing else is.
    assert bodies(service).total() == 80 + lost.height
    again = ran.results.filter(ran.results["attempts"] == 2)
    assert again["index"].to_list() == lost["index"].to_list()
    # Regression: nothing said so.
    assert told == ["Worker 2 of 3 was lost at 2.2 s; what it had not done goes to others."]
    assert summarise(ran.directory).run.notes == [told[0][0].lower() + told[0][1:-1]]


async def test_a_run_begins_with_the_first_worker_and_ends_without_those_that_are_not_ready(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Regression: the first request left once the last worker was ready."""
    service.answer = lambda seen: service.fine(delay_s=0.5)
    bench.write_chats(20)
    ran = await bench.run(service, workers=3, concurrency=4, still={1: (0.0, 1e6), 3: (0.0, 1.2)})
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 20)
    assert service.post_times_s[0] < 1
    assert trio.current_time() < 10
    parts = sorted(part.name for part in (ran.directory / "results").iterdir())
    assert parts == ["part-w02-000001.parquet", "part-w03-000001.parquet"]
    assert ran.attempts.height == 20


@pytest.mark.slow
async def test_a_worker_that_stands_still_holds_up_no_other(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Regression: what it had room for and did not read kept jobs and limits from all others."""
    service.answer = lambda seen: service.fine(delay_s=0.5)
    bench.write_chats(400)
    ran = await bench.run(service, workers=3, concurrency=9, still={2: (2.2, 300.0)})
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 400)
    ends_s = sorted(ran.results["total_s"] + ran.results["due_at"].dt.epoch("us") / 1e6)
    assert sum(each > ends_s[0] + 60 for each in ends_s) <= 20
    assert set(bodies(service).values()) == {1}


@pytest.mark.slow
async def test_a_run_goes_on_with_another_number_of_workers(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.5)
    bench.write_chats(120)
    for workers in (2, 3, 1):
        stop = Stop(grace_s=5.0)

        async def interrupt(stop: Stop = stop) -> None:
            await trio.sleep(2.2)
            stop.request(InterruptError("interrupted"))

        bench.nursery.start_soon(interrupt)
        ran = await bench.run(service, workers=workers, concurrency=8, stop=stop)
        assert ran.outcome.exit_code == 130
        assert not (ran.directory / "journal").exists()
    ran = await bench.run(service, workers=4, concurrency=8)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 120)
    assert set(bodies(service).values()) == {1}
    assert ran.attempts.height == 120


@pytest.mark.slow
async def test_when_all_workers_are_lost_the_run_stops_and_is_resumed(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.5)
    bench.write_chats(60)
    ran = await bench.run(service, workers=2, concurrency=6, kill={1: 1.2, 2: 2.2})
    assert ran.outcome.exit_code == 1
    assert "2 workers ended by themselves, and none is left" in (ran.outcome.reason or "")
    ran = await bench.run(service, workers=2, concurrency=6)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 60)
    lost = ran.attempts.filter(ran.attempts["error_kind"] == "lost")
    assert 2 <= lost.height <= 12
    assert bodies(service).total() == ran.attempts.height == 60 + lost.height


async def test_a_second_interrupt_ends_what_is_in_flight_at_all_workers(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=20.0)
    bench.write_chats(30)
    stop = Stop(grace_s=60.0)

    async def interrupt_twice() -> None:
        await trio.sleep(2.0)
        stop.request(InterruptError("interrupted"))
        await trio.sleep(1.0)
        stop.now()

    bench.nursery.start_soon(interrupt_twice)
    ran = await bench.run(service, workers=2, concurrency=6, stop=stop)
    assert ran.outcome.exit_code == 130
    assert trio.current_time() < 4.0
    assert ran.attempts["error_kind"].to_list() == ["cancelled"] * 6
    assert not (ran.directory / "journal").exists()


async def test_of_many_workers_each_tells_less_often(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TELLS_PER_S", 1)
    service.answer = lambda seen: service.fine(delay_s=0.3)
    bench.write_chats(60)
    seen: list[int] = []

    async def look(progress: Any) -> None:
        for _ in range(2):
            await trio.sleep(1.5)
            seen.append(progress.totals.succeeded)

    ran = await bench.run(service, workers=2, concurrency=4, watch=look)
    assert ran.outcome.succeeded == 60
    assert seen[0] == 0 < seen[1]


async def test_a_refused_key_at_one_worker_stops_all(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine() if seen.number < 9 else service.error(401)
    bench.write_chats(90)
    ran = await bench.run(service, workers=2, concurrency=4)
    assert ran.outcome.exit_code == 5
    assert len(service.posts) < 20


PRICES = PriceTable(currency="CNY", models={"m": Price(input=Decimal(1), output=Decimal(1000))})


async def test_a_ceiling_holds_for_all_workers_together_and_is_used(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Answers of 0.003 CNY each, bounded by 0.0051: there is room for twenty-five of them."""
    service.answer = lambda seen: service.fine(delay_s=0.3, input_tokens=0, output_tokens=3)
    bench.write_chats(60, max_tokens=5)
    cap = Decimal("0.075")
    ran = await bench.run(service, workers=2, concurrency=6, prices=PRICES, max_cost=cap)
    assert ran.outcome.exit_code == 3
    assert Decimal("0.068") < ran.outcome.cost <= cap
    assert ran.attempts["cost"].sum() == ran.outcome.cost


async def test_equal_jobs_are_sent_once_whoever_sends_them(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write(*(bench.chat_line(f"job-{n}", f"question {n % 10}") for n in range(40)))
    ran = await bench.run(service, workers=2, dedupe=True)
    assert ran.outcome.succeeded == 40
    assert len(service.posts) == 10
    assert ran.results["copy_of"].null_count() == 10


@pytest.mark.slow
async def test_failed_jobs_that_are_opened_again_have_one_result(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Whichever worker had them before."""
    service.answer = lambda seen: service.error(400, "BAD", "blocked by a content policy")
    bench.write_chats(20)
    assert (await bench.run(service, workers=2)).outcome.failed == 20
    service.answer = lambda seen: service.fine(delay_s=0.2)
    ran = await bench.run(service, workers=3, retry_failed=True, concurrency=6, kill={1: 0.7})
    assert (ran.outcome.exit_code, ran.outcome.succeeded, ran.outcome.failed) == (0, 20, 0)
    assert ran.results["index"].to_list() == list(range(20))
    assert set(ran.results["status"]) == {"succeeded"}


@pytest.mark.slow
async def test_models_with_limits_of_their_own_hold_up_no_others(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write(
        *(bench.chat_line(f"slow-{n}", model="slow") for n in range(60)),
        *(bench.chat_line(f"fast-{n}") for n in range(200)),
    )
    limits = {"slow": ModelLimits(rpm=120, tpm=None)}
    ran = await bench.run(service, workers=2, model_limits=limits)
    assert ran.outcome.succeeded == 260
    ends = ran.results.group_by("model").agg(pl.col("ended_at").max()).sort("ended_at")
    assert ends["model"].to_list() == ["m", "slow"]
    assert (ends["ended_at"][1] - ends["ended_at"][0]).total_seconds() > 20


async def test_an_answer_that_does_not_fit_is_asked_again_by_its_worker(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    fits = '{"label": "login"}'

    def answer(seen: Any) -> Any:
        return service.fine(fits if b"Give the whole answer again" in seen.body else "no")

    service.answer = answer
    ran = await bench.run(service, workers=2, table=form_table(bench, rows=6), reask=2)
    assert ran.outcome.succeeded == 6
    assert len(service.posts) == 12
    assert pl.read_parquet(ran.directory / "reasks.parquet").height == 6


async def test_workers_do_not_back_off_in_step(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """They have one seed, and chance of their own."""
    service.answer = lambda seen: service.fine() if seen.number > 16 else service.error(503)
    bench.write_chats(16)
    ran = await bench.run(service, workers=2, concurrency=16)
    pauses_s = []
    for number in (1, 2):
        rows = pl.read_parquet(ran.directory / "attempts" / f"part-w0{number}-*.parquet")
        again = rows.filter(pl.col("attempt") == 2)["due_at"]
        pauses_s.append(sorted((again - rows["due_at"].min()).dt.total_microseconds()))
    assert [len(each) for each in pauses_s] == [8, 8]
    assert not set(pauses_s[0]) & set(pauses_s[1])


async def test_a_second_run_of_what_workers_send_for_is_refused(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """And does not wait for them, as it would if they alone were left."""
    service.answer = lambda seen: service.fine(delay_s=0.5)
    bench.write_chats(20)
    refused: list[str] = []

    def waits(said: str) -> None:
        raise AssertionError(said)

    async def another() -> None:
        await trio.sleep(1)
        with (
            pytest.raises(RunDirectoryError) as caught,
            locked(bench.directory, announce=waits),
        ):
            raise AssertionError
        refused.append(str(caught.value))

    bench.nursery.start_soon(another)
    ran = await bench.run(service, workers=2, concurrency=4)
    assert ran.outcome.succeeded == 20
    assert refused == [
        f"another headrace works on {bench.directory}; wait for it, or choose another --out"
    ]


async def test_a_reading_that_a_worker_asked_for_is_held_against_what_all_spent(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    async def answer(seen: Any) -> Any:
        if seen.number <= 12:
            return service.fine(delay_s=0.3)
        await bench.sleep(2.0)  # by then all have told what the others cost
        return service.error(402, "BROKE", "no more of this")

    service.answer = answer
    bench.write_chats(13)
    ran = await bench.run(service, workers=2, concurrency=4, prices=PRICES)
    spent = ran.attempts["cost"].sum()
    assert ran.readings.height == 3
    assert ran.readings["spent"].to_list() == [0, spent, spent]


@pytest.mark.slow
async def test_what_an_earlier_session_sent_counts_for_its_minute(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(90)
    stop = Stop(grace_s=5.0)

    async def interrupt() -> None:
        await trio.sleep(6)
        stop.request(InterruptError("interrupted"))

    bench.nursery.start_soon(interrupt)
    assert (await bench.run(service, rpm=600, stop=stop)).outcome.exit_code == 130
    assert 50 <= len(service.posts) <= 65
    ran = await bench.run(service, workers=2, rpm=80)
    assert ran.outcome.succeeded == 90
    times_s = service.post_times_s
    most = max(sum(start_s <= at_s < start_s + 60 for at_s in times_s) for start_s in times_s)
    assert most <= 80
