"""What stops a run: the key, the money, the disk and the user; in virtual time."""

import json
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from headrace.runner.errors import InterruptError, StorageError
from headrace.runner.stop import Stop
from tests.runner.conftest import Bench, Service, chat_line
from tests.runner.three_services import run_services, table

PRICES = PriceTable(
    currency="CNY", models={"m": Price(input=Decimal("1.5"), output=Decimal("1.5"))}
)


def balance(left: str = "100", daily_left: str | None = None) -> bytes:
    key = {"id": "1", "name": "k"}
    if daily_left is not None:
        key |= {"daily_budget": "20", "daily_used": "0", "daily_remaining": daily_left}
    return json.dumps(
        {"object": "balance", "currency": "CNY", "balance": left, "api_key": key}
    ).encode()


async def test_a_wrong_key_stops_after_the_first_answer_and_nothing_more_is_sent(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.balance = lambda: service.error(401, "UNAUTHORIZED", "Invalid or expired API Key")
    bench.write_chats(50)
    ran = await bench.run(service)
    assert ran.outcome.exit_code == 5
    assert "HEADRACE_API_KEY" in (ran.outcome.reason or "")
    assert service.posts == []
    assert len(service.gets) == 1
    assert len(ran.results) == 0
    assert ran.manifest["sessions"][0]["state"] == "stopped"


async def test_a_key_that_is_refused_in_mid_run_stops_it(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(401, "UNAUTHORIZED") if seen.number == 3 else service.fine(delay_s=0.5)
    )
    bench.write_chats(50)
    ran = await bench.run(service, rpm=60)
    assert ran.outcome.exit_code == 5
    assert len(service.posts) == 3
    # The refused job is not failed: it has no result, and the next run sends it again.
    assert ran.results["index"].to_list() == [0, 1]
    assert ran.attempts["http_status"].to_list() == [200, 200, 401]


async def test_what_is_in_flight_when_the_key_is_refused_still_counts(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(401, "UNAUTHORIZED")
        if seen.content == "question 3"
        else service.fine(delay_s=5)
    )
    bench.write_chats(10)
    ran = await bench.run(service, concurrency=4)
    assert ran.results["index"].to_list() == [0, 1, 2]
    assert trio.current_time() == 5.0
    assert len(service.posts) == 4


@pytest.mark.parametrize("status", [402, 403])
async def test_an_empty_balance_stops_the_run_for_money(
    bench: Any, service: Any, autojump_clock: MockClock, status: int
) -> None:
    left = iter(["1", *["0"] * 99])
    service.balance = lambda: service.fine()._replace(body=balance(next(left)))
    service.answer = lambda seen: (
        service.error(status, "FORBIDDEN", "no") if seen.number == 3 else service.fine()
    )
    bench.write_chats(9)
    ran = await bench.run(service, concurrency=1)
    assert ran.outcome.exit_code == 3
    assert "the balance is spent" in (ran.outcome.reason or "")
    assert ran.results["index"].to_list() == [0, 1]


async def test_a_spent_budget_stops_the_run_and_is_named(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.balance = lambda: service.fine()._replace(body=balance("50", "0"))
    service.answer = lambda seen: service.error(403, "FORBIDDEN", "no")
    bench.write_chats(9)
    ran = await bench.run(service, concurrency=1)
    assert ran.outcome.exit_code == 3
    assert "the key's daily budget is spent" in (ran.outcome.reason or "")
    assert len(service.posts) == 1


async def test_a_403_that_is_not_about_money_fails_its_job_alone(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.balance = lambda: service.fine()._replace(body=balance())
    service.answer = lambda seen: (
        service.error(403, "FORBIDDEN", "Access denied") if seen.number > 1 else service.fine()
    )
    bench.write_chats(8)
    ran = await bench.run(service, concurrency=1)
    assert ran.results["status"].to_list() == ["succeeded"] + ["failed"] * 7
    assert ran.outcome.exit_code == 1


async def test_403_to_the_first_five_jobs_is_the_key(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.balance = lambda: service.fine()._replace(body=balance())
    service.answer = lambda seen: service.error(403, "FORBIDDEN", "Access denied")
    bench.write_chats(50)
    ran = await bench.run(service, concurrency=1)
    assert ran.outcome.exit_code == 5
    assert len(service.posts) == 5


async def test_nothing_listening_is_told_at_once(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.refusing = True
    bench.write_chats(3)
    ran = await bench.run(service)
    assert ran.outcome.exit_code == 2
    assert ran.outcome.reason == (
        "no connection to http://gateway.test: Connection refused; check --base-url"
    )
    assert trio.current_time() == 0.0
    service.refusing = False
    assert (await bench.run(service)).outcome.succeeded == 3


async def test_a_service_without_a_balance_loses_only_the_check(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(3)
    ran = await bench.run(service)
    assert ran.outcome.exit_code == 0
    assert ran.readings["balance"].to_list() == [None, None]
    assert ran.readings["error"].to_list() == ["GET /v1/balance answered 404"] * 2


async def test_the_balance_is_read_before_and_after_with_what_was_spent(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Charges are booked 0.9 s after the answer: the reading waits for them, and no longer."""
    service.balance = lambda: service.fine()._replace(
        body=balance("100" if trio.current_time() < 0.9 else "99.999985")
    )
    bench.write_chats(1)
    ran = await bench.run(service, prices=PRICES)
    spent = Decimal("1.5") * 7 / 1_000_000 + Decimal("1.5") * 3 / 1_000_000
    assert spent == Decimal("0.000015")
    assert ran.readings.select("moment", "balance", "spent").rows() == [
        ("before", Decimal(100), 0),
        ("after", Decimal("99.999985"), spent),
    ]
    assert trio.current_time() == 1.0


async def test_an_interrupt_lets_what_is_in_flight_finish(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=20)
    bench.write_chats(10)
    stop = Stop(grace_s=30)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop_after, stop, 5.0)
        ran = await bench.run(service, concurrency=2, stop=stop)
    assert trio.current_time() == 20.0
    assert ran.outcome.exit_code == 130
    assert ran.results["index"].to_list() == [0, 1]
    assert len(service.posts) == 2
    assert ran.manifest["sessions"][0]["state"] == "interrupted"


async def test_after_a_stop_no_job_goes_as_far_as_a_connection(
    bench: Any, service: Any, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait would each be held back at the last moment, at the cost of a connection."""
    opened: list[float] = []
    connect = service.connect

    async def counted(origin: object) -> trio.abc.Stream:
        opened.append(trio.current_time())
        stream: trio.abc.Stream = await connect(origin)
        return stream

    monkeypatch.setattr(service, "connect", counted)
    service.answer = lambda seen: service.fine(delay_s=20)
    bench.write_chats(50)
    stop = Stop(grace_s=30)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop_after, stop, 5.0)
        ran = await bench.run(service, concurrency=2, stop=stop)
    assert ran.outcome.succeeded == 2
    assert [at_s for at_s in opened if at_s > 0] == []


async def test_the_grace_is_bounded_and_what_it_cut_is_recorded(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=500)
    bench.write_chats(10)
    stop = Stop(grace_s=30)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop_after, stop, 5.0)
        ran = await bench.run(service, concurrency=2, stop=stop)
    assert trio.current_time() == 35.0
    assert ran.attempts["error_kind"].to_list() == ["cancelled", "cancelled"]
    assert ran.attempts["cost"].to_list() == [None, None]
    assert len(ran.results) == 0
    service.answer = lambda seen: service.fine()
    again = await bench.run(service)
    assert again.outcome.succeeded == 10
    assert again.attempts["attempt"].to_list() == [1, 2, 1, 2, *[1] * 8]


async def stop_after(stop: Stop, seconds: float) -> None:
    await trio.sleep(seconds)
    stop.request(InterruptError("interrupted"))


async def test_an_interrupt_during_a_connection_attempt_sends_nothing(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    connect = service.connect

    async def slow_connect(origin: object) -> trio.abc.Stream:
        await trio.sleep(3 if service.gets else 0)
        stream: trio.abc.Stream = await connect(origin)
        return stream

    service.connect = slow_connect
    service.balance = lambda: service.fine()._replace(
        body=balance(), headers=(("connection", "close"),)
    )
    bench.write_chats(4)
    stop = Stop(grace_s=30)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop_after, stop, 1.0)
        ran = await bench.run(service, stop=stop)
    assert service.posts == []
    assert len(ran.attempts) == 0


async def test_a_disk_that_refuses_stops_sending_and_says_so(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """A limit on the size of files stands for a full disk: the third answer finds no room."""
    service.answer = lambda seen: service.fine("x" * 200_000)
    bench.write_chats(20)
    with bench.small_files(1_300_000):
        ran = await bench.run(service, concurrency=1)
    assert ran.outcome.exit_code == 1
    assert "File too large" in (ran.outcome.reason or "")
    assert len(service.posts) == 4
    service.answer = lambda seen: service.fine()
    again = await bench.run(service, concurrency=1)
    assert again.outcome.succeeded == 20
    # The answer that could not be written is counted as lost, and its job ran again.
    assert again.attempts["error_kind"].to_list().count("lost") == 1
    assert len(again.attempts) == len(service.posts) == 21


async def test_a_service_whose_balance_hangs_holds_the_run_up_for_seconds_not_minutes(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.balance = lambda: service.fine(delay_s=3000)
    bench.write_chats(2)
    ran = await bench.run(service)
    assert ran.outcome.succeeded == 2
    assert ran.readings["error"].to_list() == ["no answer in 15 s"] * 2
    assert trio.current_time() == 30.0


async def test_a_seal_that_fails_is_one_error_and_the_journal_stays(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """A file where the parts should go: nothing is lost, and the next run seals."""

    def answer(_seen: Any) -> Any:
        (bench.directory / "results").touch()
        return service.fine()

    service.answer = answer
    bench.write_chats(3)
    with pytest.raises(StorageError, match=r"cannot write .*results"):
        await bench.run(service)
    assert list((bench.directory / "journal").iterdir())
    (bench.directory / "results").unlink()
    again = await bench.run(service)
    assert again.outcome.succeeded == 3
    assert len(service.posts) == 3


async def test_a_damaged_journal_is_one_error_before_anything_is_sent(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(3)
    await bench.run(service)
    journal = bench.directory / "journal"
    journal.mkdir()
    (journal / "000009.jsonl").write_text('broken\n{"type":"sent"}\n')
    posts = len(service.posts)
    # A kill tears one line, and leaves it without an end: two whole ones are another's doing.
    with pytest.raises(StorageError, match=r"2 lines of .* are damaged, from line 1 on"):
        await bench.run(service)
    (journal / "000009.jsonl").unlink()
    whole = (
        '{"type":"sent","index":0,"custom_id":"a","model":"m","url":"/","attempt":9,'
        '"due_at":"2026-06-09T08:30:20Z","sent_at":"2026-06-09T08:30:20Z"}'
    )
    (journal / "000099.jsonl").write_text(f"broken\n{whole}\n")
    with pytest.raises(StorageError, match=r"line 1 of .* is damaged"):
        await bench.run(service)
    assert len(service.posts) == posts


@pytest.mark.parametrize(("stops", "took_s"), [(False, 2.0), (True, 0.5)])
async def test_only_who_stopped_a_run_without_prices_waits_for_no_late_charges(
    bench: Any, service: Any, autojump_clock: MockClock, stops: bool, took_s: float
) -> None:
    stop = Stop(grace_s=30)

    def answer(_seen: Any) -> Any:
        if stops:
            stop.request(InterruptError("interrupted"))
        return service.fine(delay_s=0.5)

    service.answer = answer
    service.balance = lambda: service.fine()._replace(body=balance())
    bench.write_chats(1)
    ran = await bench.run(service, stop=stop)
    assert ran.readings["moment"].to_list() == ["before", "after"]
    assert trio.current_time() == pytest.approx(took_s)


def lines_of(*models: str) -> list[bytes]:
    return [chat_line(f"job-{n}", f"question {n}", model=m) for n, m in enumerate(models)]


def hang_up(service: Service) -> None:
    service.refusing = True


def refuse_key(service: Service) -> None:
    service.balance = lambda: Service.error(401, "UNAUTHORIZED", "no such key")


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [hang_up, refuse_key])
async def test_a_service_that_no_job_is_left_for_is_passed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock, trouble: Any
) -> None:
    """Were it a reason to stop, a run whose jobs all have results could not end."""
    services = {name: Service() for name in "ab"}
    run = partial(run_services, bench, services, monkeypatch=monkeypatch)
    a, b = table("a", "m"), table("b", "y")
    said: list[str] = []
    trouble(services["b"])
    bench.write(*lines_of("m", "m"))
    first = await run(a, b, environment={"announce": said.append})
    assert (first.outcome.exit_code, first.outcome.reason) == (0, None)
    assert first.manifest["sessions"][-1]["state"] == "finished"
    assert said[0].startswith("Warning: the service b stopped: ")
    assert said[1:] == ["No job is left for the service b: the run does without it."]
    assert "stopped_services" not in first.manifest["sessions"][-1]
    services["b"].refusing, services["b"].balance = False, None
    bench.write(*lines_of("m", "m", "y"))
    assert (await run(a, b)).outcome.succeeded == 3
    trouble(services["b"])
    bench.write(*lines_of("m", "m", "y", "m"))
    again = await run(a, b)
    assert (again.outcome.exit_code, again.outcome.succeeded) == (0, 4)
    bench.write(*lines_of("m", "m", "y", "m", "y"))
    assert list((await run(a, b)).manifest["sessions"][-1]["stopped_services"]) == ["b"]
