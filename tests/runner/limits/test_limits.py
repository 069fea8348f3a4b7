"""The run under limits, on the project's gateway with the same limits, in virtual time."""

import json
import random
from datetime import datetime
from itertools import cycle
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.gateway import ModelPrice, PriceTable, parse_faults
from headrace.runner import Stop
from headrace.runner.bulk.backlog import JOBS_MAX
from headrace.runner.errors import InterruptError
from tests.runner.conftest import Bench, Service, chat_line
from tests.runner.three_services import OfGateway, run_services, table


@pytest.mark.slow
@pytest.mark.parametrize("window", ["fixed", "sliding", "bucket"])
async def test_a_run_at_the_gateways_own_limits_meets_no_429(
    bench: Any, autojump_clock: MockClock, window: str
) -> None:
    gateway = bench.gateway(rpm=120, tpm=20_000, window=window, ttft_s=0.8, itl_s=0.01)
    bench.write_chats(400, max_tokens=200, model="deepseek-v4-flash")
    ran = await bench.run_on(gateway, rpm=120, tpm=20_000)
    statuses = [row.status for row in gateway.log_rows if row.method == "POST"]
    assert statuses == [200] * 400
    assert ran.outcome.succeeded == 400


@pytest.mark.slow
async def test_the_first_minute_is_paced_and_the_limit_is_used(
    bench: Any, autojump_clock: MockClock
) -> None:
    gateway = bench.gateway(rpm=120, tpm=None)
    bench.write_chats(600, model="deepseek-v4-flash")
    await bench.run_on(gateway, rpm=120)
    arrivals = [row.arrival_s for row in gateway.log_rows if row.method == "POST"]
    assert sum(at_s < 60 for at_s in arrivals) == 120
    assert sum(60 <= at_s < 240 for at_s in arrivals) >= 0.98 * 360


# -- three services at once, one of them in trouble

RPM = {"a": 50, "b": 60, "c": 80}
WINDOWS = ("fixed", "sliding", "bucket")
SLOW = {"ttft_s": 50.0}
FAILING = {"faults": parse_faults("500=0.2,reset=0.1,stall;for=60s=0.1")}


@pytest.mark.slow
@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize(
    ("turn", "trouble", "down_s", "in_order"),
    [(0, {}, (70.0, 130.0), False), (1, SLOW, (0.0, 0.0), True), (2, FAILING, (0.0, 0.0), True)],
)
async def test_each_of_three_services_is_used_to_its_limit_whatever_becomes_of_another(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    turn: int,
    trouble: dict[str, Any],
    down_s: tuple[float, float],
    in_order: bool,
) -> None:
    """Each counts in another way. The jobs of one that is slow, failing or down for a minute may
    all come first in the file."""
    prices = PriceTable(models={name: ModelPrice() for name in RPM})
    windows = cycle([*WINDOWS[turn:], *WINDOWS[:turn]])
    services = {
        name: OfGateway(
            bench.gateway(
                **{"rpm": rpm, "tpm": None, "window": next(windows), "prices": prices},
                **(trouble if name == "a" else {"ttft_s": 0.5}),
            ),
            down_s if name == "a" else (0.0, 0.0),
        )
        for name, rpm in RPM.items()
    }
    lines = [
        chat_line(f"{name}-{n}", f"question {n}", model=name, max_tokens=20)
        for name, rpm in RPM.items()
        for n in range(3 * rpm)
    ]
    if not in_order:
        random.Random(turn).shuffle(lines)
    bench.write(*lines)
    tables = [table(name, name, rpm=rpm) for name, rpm in RPM.items()]
    ran = await run_services(
        bench, services, *tables, monkeypatch=monkeypatch, attempts=20, concurrency=60
    )
    assert ran.outcome.succeeded == len(lines)
    for name, service in services.items():
        rows = [row for row in service.gateway.log_rows if row.method == "POST"]
        assert [row for row in rows if row.status == 429] == []
        if name != "a" or trouble:
            used = sum(60 <= row.arrival_s < 180 for row in rows)
            assert used >= 0.98 * 2 * RPM[name], name


@pytest.mark.slow
async def test_a_file_in_the_order_of_its_models_starves_no_service_and_is_not_held_in_memory(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """All jobs of a service that never answers come first: none of its lines is in the way."""
    services = {name: Service() for name in "abc"}
    services["a"].answer = lambda _seen: Service.fine(delay_s=1e6)
    read: list[int] = []

    async def look(progress: Any) -> None:
        await trio.sleep(20)
        read.append(progress.unfinished())
        read.extend(len(services[name].posts) for name in "bc")
        stop.request(InterruptError("enough"))

    stop = Stop(grace_s=0.0)
    lines = [chat_line(f"{name}-{n}", "x", model=name) for name in "abc" for n in range(600)]
    bench.write(*lines)
    await run_services(
        bench,
        services,
        *(table(name, name) for name in "abc"),
        monkeypatch=monkeypatch,
        watch=look,
        environment={"stop": stop},
    )
    assert read == [JOBS_MAX + len(services["a"].posts), 600, 600]


async def test_requests_are_sent_in_the_order_of_the_file(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(30)
    await bench.run(service, rpm=60)
    assert [seen.content for seen in service.posts] == [f"question {n}" for n in range(30)]


async def test_a_job_larger_than_the_token_limit_is_rejected_and_the_run_goes_on(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write(
        bench.chat_line("small", "hello"),
        bench.chat_line("large", "word " * 5000),
        bench.chat_line("greedy", "hello", max_tokens=2001),
        bench.chat_line("last", "hello"),
    )
    ran = await bench.run(service, tpm=2000)
    assert ran.results["custom_id"].to_list() == ["small", "last"]
    assert [(reject["line"], reject["custom_id"]) for reject in ran.rejects] == [
        (2, "large"),
        (3, "greedy"),
    ]
    assert all("2000 tokens per minute" in reject["reason"] for reject in ran.rejects)
    assert ran.outcome.exit_code == 1


async def test_fixed_concurrency_is_never_exceeded(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    now = most = 0

    async def answer(_seen: Any) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await bench.sleep(1.0)
        now -= 1
        return service.fine()

    service.answer = answer
    bench.write_chats(40)
    await bench.run(service, concurrency=7)
    assert most == 7


@pytest.mark.slow
async def test_auto_concurrency_grows_while_it_is_what_holds_the_run_back(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=10)
    bench.write_chats(300)
    await bench.run(service)
    # 16 at first, and doubled by each full round.
    rounds = [service.post_times_s.count(at_s) for at_s in (0.0, 10.0, 20.0, 30.0, 40.0)]
    assert rounds == [16, 32, 64, 128, 60]


async def test_auto_concurrency_halves_once_for_one_overload(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(503, retry_after="100") if seen.number <= 16 else service.fine(delay_s=1)
    )
    bench.write_chats(32)
    await bench.run(service)
    times = service.post_times_s
    assert times[:16] == [0.0] * 16
    # All 16 came back at once: 8 slots, not 16 / 2^16.
    assert times[16:24] == [0.0] * 8


async def test_a_lower_limit_in_the_headers_is_followed(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    headers = (("x-ratelimit-limit", "6"), ("x-ratelimit-remaining", "0"))
    service.answer = lambda seen: service.fine()._replace(headers=headers)
    bench.write_chats(4)
    ran = await bench.run(service, rpm=60, concurrency=1)
    assert service.post_times_s == pytest.approx([0.0, 10.0, 20.0, 30.0])
    assert ran.attempts["ratelimit_limit"].to_list() == [6] * 4
    assert ran.attempts["ratelimit_remaining"].to_list() == [0] * 4


@pytest.mark.slow
async def test_an_outage_costs_no_job_its_attempts(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Ten minutes of 502 in the middle of a run: every job succeeds."""

    def answer(seen: Any) -> Any:
        down = 30 <= seen.at_s < 630
        return service.error(502) if down else service.fine(delay_s=0.1)

    service.answer = answer
    bench.write_chats(150)
    ran = await bench.run(service, rpm=60)
    assert ran.outcome.succeeded == 150
    probes = [at_s for at_s in service.post_times_s if 100 <= at_s < 630]
    assert len(probes) <= 12


async def test_an_outage_that_lasts_stops_the_run_and_leaves_the_rest_unsent(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.refusing = False
    service.answer = lambda seen: service.error(503)
    bench.write_chats(100)
    ran = await bench.run(service, outage_s=60, concurrency=4)
    assert ran.outcome.exit_code == 1
    assert ran.outcome.reason is not None
    assert "60 s" in ran.outcome.reason
    assert len(ran.results) == 0
    assert len(ran.attempts) == len(service.posts) < 40


@pytest.mark.slow
async def test_the_course_of_the_concurrency_is_recorded_across_sessions(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: (
        service.error(401) if seen.number == 40 else service.fine(delay_s=2.0)
    )
    bench.write_chats(100)
    first = await bench.run(service)
    assert first.outcome.exit_code == 5
    recorded = (first.directory / "concurrency.jsonl").read_text().splitlines()
    points = [json.loads(line) for line in recorded]
    assert (points[0]["limit"], points[0]["in_flight"]) == (16, 16)
    assert max(point["in_flight"] for point in points) <= 32
    second = await bench.run(service)
    assert second.outcome.exit_code == 0
    both = (second.directory / "concurrency.jsonl").read_text().splitlines()
    assert both[: len(recorded)] == recorded
    assert len(both) > len(recorded)


async def test_the_course_of_a_run_of_less_than_a_second_has_its_end(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.1)
    bench.write_chats(80)
    ran = await bench.run(service)
    lines = (ran.directory / "concurrency.jsonl").read_text().splitlines()
    points = [json.loads(line) for line in lines]
    assert [each["limit"] for each in points] == [16, 64]
    assert points[0]["in_flight"] > 16


@pytest.mark.slow
async def test_a_kill_takes_no_more_than_a_minute_of_the_course(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """What is in the directory at 150 s, when nobody has closed the books."""
    service.answer = lambda seen: service.fine(delay_s=2.0)
    bench.write_chats(200)
    lines: list[str] = []

    async def look() -> None:
        await trio.sleep(150)
        lines.extend((bench.directory / "concurrency.jsonl").read_text().splitlines())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await bench.run(service, rpm=60)
    moments = [datetime.fromisoformat(json.loads(line)["at"]) for line in lines]
    assert moments == sorted(set(moments))
    assert (moments[-1] - moments[0]).total_seconds() > 90


async def test_a_fixed_concurrency_is_its_course(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(503) if seen.number < 5 else service.fine()
    bench.write_chats(30)
    ran = await bench.run(service, concurrency=7)
    lines = (ran.directory / "concurrency.jsonl").read_text().splitlines()
    assert {json.loads(line)["limit"] for line in lines} == {7}


@pytest.mark.slow
async def test_more_slots_stop_where_they_bring_no_more_answers(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The service answers 20 at a time, a second each; what comes beyond that waits there."""
    capacity = trio.CapacityLimiter(20)
    now = most = 0

    async def answer(_seen: Any) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        async with capacity:
            await bench.sleep(1.0)
        now -= 1
        return service.fine()

    service.answer = answer
    bench.write_chats(1500)
    ran = await bench.run(service)
    assert ran.outcome.succeeded == 1500
    lines = (ran.directory / "concurrency.jsonl").read_text().splitlines()
    limits = [json.loads(line)["limit"] for line in lines]
    assert most == max(limits) <= 128
    assert all(20 <= limit <= 60 for limit in limits[20:])
    assert trio.current_time() <= 1500 / 20 * 1.05
