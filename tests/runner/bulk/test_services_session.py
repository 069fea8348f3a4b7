"""A run over several services: each within its own limits and money, and stopped by itself."""

import datetime as dt
import json
from collections import Counter
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

import httpx
import polars as pl
import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import InputError
from headrace.runner import Stop
from headrace.runner.bulk.metrics import run_figures
from headrace.runner.bulk.progress import Meter, in_words
from headrace.runner.errors import InterruptError
from tests.runner.conftest import BEGAN, Bench, Service, chat_line
from tests.runner.three_services import key_of, run_services, table

pytestmark = pytest.mark.usefixtures("no_sync")

Services = dict[str, Service]


@pytest.fixture
def services() -> Services:
    return {name: Service() for name in "abc"}


@pytest.fixture
def run(bench: Bench, services: Services, monkeypatch: pytest.MonkeyPatch) -> Any:
    return partial(run_services, bench, services, monkeypatch=monkeypatch)


def account(balance: str = "100", **key: Any) -> Any:
    """The answer of GET /v1/balance."""
    body = {"currency": "CNY", "balance": balance, "api_key": key}
    return lambda: Service.fine()._replace(body=json.dumps(body).encode())


def lines(*models: str) -> list[bytes]:
    return [chat_line(f"job-{n}", f"question {n}", model=m) for n, m in enumerate(models)]


def models_of(service: Service) -> Counter[str]:
    return Counter(json.loads(seen.body)["model"] for seen in service.posts)


A, B, C = table("a", "m", "x"), table("b", "y"), table("c", "*")


async def test_each_job_goes_to_the_service_that_has_its_model_and_no_key_elsewhere(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    for service in services.values():
        service.balance = account()
    bench.write(*lines("m", "x", "y", "z", "m", "other"))
    ran = await run(A, B, C)
    assert ran.outcome.exit_code == 0
    assert [models_of(services[name]) for name in "abc"] == [
        {"m": 2, "x": 1},
        {"y": 1},
        {"z": 1, "other": 1},
    ]
    assert ran.results["service"].to_list() == ["a", "a", "b", "c", "a", "c"]
    assert ran.attempts["service"].to_list() == ["a", "a", "b", "c", "a", "c"]
    for name, service in services.items():
        seen = [*service.posts, *service.gets]
        assert {each.headers["authorization"] for each in seen} == {f"Bearer {key_of(name)}"}
        assert len(service.gets) >= 2
    assert sorted(ran.readings["service"].unique()) == ["a", "b", "c"]
    assert ran.manifest["base_url"] is None
    assert [each["name"] for each in ran.manifest["services"]] == ["a", "b", "c"]
    assert key_of("a") not in json.dumps(ran.manifest)


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ("bearer", ("authorization", f"Bearer {key_of('a')}")),
        ("x-api-key", ("x-api-key", key_of("a"))),
        ("api-key", ("api-key", key_of("a"))),
    ],
)
async def test_a_key_is_sent_as_the_service_wants_it(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock, auth: str, header: Any
) -> None:
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    message = {"custom_id": "job-1", "url": "/v1/messages", "body": body}
    bench.write(*lines("m"), json.dumps(message).encode())
    await run(table("a", auth=auth), attempts=1)
    name, value = header
    for seen in [*services["a"].posts, *services["a"].gets]:
        assert seen.headers[name] == value
        assert [each for each in seen.headers.values() if key_of("a") in each] == [value]
    assert len(services["a"].posts) == 2


async def test_limits_are_those_of_each_service(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    """A limiter that is shared would take the time of both together."""
    bench.write(*lines(*["m"] * 30, *["y"] * 60))
    await run(table("a", "m", rpm=60), table("b", "y", rpm=120), rpm=1)
    times_s = {name: services[name].post_times_s for name in "ab"}
    gaps_s = {
        name: min(after - before for before, after in pairwise(each[1:]))
        for name, each in times_s.items()
    }
    assert gaps_s["a"] >= 0.9
    assert gaps_s["b"] >= 0.45
    assert 25 < times_s["a"][-1] < 35
    assert 25 < times_s["b"][-1] < 35


async def test_a_model_of_a_service_has_limits_of_its_own(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    bench.write(*lines(*["m"] * 10, *["x"] * 10))
    await run(table("a", "m", "x", limits={"x": {"rpm": 6}}))
    at_s = {
        model: [seen.at_s for seen in services["a"].posts if model in seen.body.decode()]
        for model in ('"m"', '"x"')
    }
    assert at_s['"m"'][-1] < 1
    assert 85 < at_s['"x"'][-1] < 95


async def test_the_slots_are_those_of_each_service(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    """A service that is slow holds no slot of another."""
    services["a"].answer = lambda _seen: Service.fine(delay_s=100)
    bench.write(*lines(*["m"] * 4, *["y"] * 20))
    ran = await run(A, B, concurrency=2)
    assert services["b"].post_times_s[-1] < 1
    assert ran.outcome.succeeded == 24
    lines_of_it = (ran.directory / "concurrency.jsonl").read_text().splitlines()
    course = [json.loads(line) for line in lines_of_it]
    assert course[-1]["limit"] == 4  # of both
    assert max(point["in_flight"] for point in course) <= 4


@pytest.mark.slow
async def test_jobs_of_a_shared_model_are_shared_out_by_weight_and_stay_there_when_retried(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    failed: set[str] = set()

    def once_failing(seen: Any) -> Any:
        if seen.content in failed:
            return Service.fine()
        failed.add(seen.content)
        return Service.error(500)

    services["a"].answer = services["b"].answer = once_failing
    bench.write_chats(120)
    ran = await run(table("a", weight=2), table("b", weight=1))
    assert ran.outcome.exit_code == 0
    by_job = ran.attempts.group_by("index").agg(pl.col("service").n_unique(), pl.len())
    assert by_job["service"].to_list() == [1] * 120
    assert by_job["len"].to_list() == [2] * 120
    shares = ran.results["service"].value_counts().to_dicts()
    assert abs({each["service"]: each["count"] for each in shares}["a"] - 80) <= 2


async def test_jobs_that_no_service_has_and_too_large_ones_are_rejects(
    run: Any, bench: Bench, autojump_clock: MockClock
) -> None:
    bench.write(*lines("m", "mm", "y"), chat_line("large", "x", model="y", max_tokens=5000))
    ran = await run(table("a", "m", tpm=100), table("b", "y", tpm=4000))
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (1, 2)
    assert [each["reason"] for each in ran.rejects] == [
        "no service has the model 'mm'; add it to the models of one in headrace.toml; did you mean "
        "'m'?",
        "needs 5021 tokens (about 21 of input, 5000 of output allowed), more than the 4000 tokens "
        "per minute that are allowed; shorten it, lower max_tokens or raise the tpm of the "
        "service b",
    ]


def refuse_key(service: Service) -> None:
    service.answer = lambda _seen: Service.error(401, "UNAUTHORIZED", "no such key")


def refuse_key_at_the_balance(service: Service) -> None:
    service.balance = lambda: Service.error(401, "UNAUTHORIZED", "no such key")


def forbid(service: Service) -> None:
    service.answer = lambda _seen: Service.error(403, "FORBIDDEN", "not for this key")


def be_empty(service: Service) -> None:
    service.balance = account("0")
    service.answer = lambda _seen: Service.error(403, "FORBIDDEN", "insufficient balance")


def be_down(service: Service) -> None:
    service.answer = lambda _seen: Service.error(503)


def refuse_alike(service: Service) -> None:
    service.answer = lambda _seen: Service.error(404, "NOT_FOUND", "no such path")


def hang_up(service: Service) -> None:
    service.refusing = True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "exit_code", "failed", "said"),
    [
        (refuse_key, 5, 0, "the gateway refused the key; check KEY_A"),
        (refuse_key_at_the_balance, 5, 0, "the gateway refused the key; check KEY_A"),
        (forbid, 5, 4, "the gateway answered 403 to the first 5 jobs of m"),
        (be_empty, 3, 0, "the balance is spent"),
        (be_down, 1, 0, "the service has failed for 60 s"),
        (refuse_alike, 1, 4, "check the model, the url and its base-url in headrace.toml"),
        (hang_up, 1, 0, "no connection to http://a.test: .*; check its base-url in headrace.toml"),
    ],
)
async def test_what_is_wrong_with_one_service_stops_that_one_and_the_others_finish(
    run: Any,
    bench: Bench,
    services: Services,
    autojump_clock: MockClock,
    trouble: Any,
    exit_code: int,
    failed: int,
    said: str,
) -> None:
    trouble(services["a"])
    services["b"].answer = lambda _seen: Service.fine(delay_s=300)  # long after that
    bench.write(*lines(*["m", "y"] * 15, "z"))
    ran = await run(A, B, C, outage_s=60, concurrency=4)
    assert (ran.outcome.succeeded, ran.outcome.failed) == (16, failed)
    assert ran.outcome.exit_code == exit_code
    assert ran.outcome.reason.startswith("the service a stopped: ")
    session = ran.manifest["sessions"][-1]
    assert session["state"] == "stopped"
    assert list(session["stopped_services"]) == ["a"]
    assert session["reason"] == f"the service a stopped: {session['stopped_services']['a']}"
    assert pl.Series([session["stopped_services"]["a"]]).str.contains(said)[0]
    # Its jobs waited: once it is well again, the next session sends them.
    services["a"].answer = services["b"].answer = lambda _seen: Service.fine()
    services["a"].refusing, services["a"].balance = False, None
    again = await run(A, B, C, retry_failed=True)
    assert (again.outcome.exit_code, again.outcome.succeeded) == (0, 31)
    assert "stopped_services" not in again.manifest["sessions"][-1]
    assert len(services["b"].posts) == 15


async def test_a_service_that_stops_is_told_of_while_the_others_carry_on(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    """They may take hours more, or be killed meanwhile."""
    said: list[tuple[float, str]] = []
    noted: list[Any] = []

    def answer(_seen: Any) -> Any:
        known = json.loads((bench.directory / "run.json").read_bytes())
        noted.append(known["sessions"][-1].get("stopped_services"))
        return Service.fine(delay_s=30)

    refuse_key(services["a"])
    services["b"].answer = answer
    bench.write(*lines(*["m", "y"] * 3))
    told = {"announce": lambda words: said.append((trio.current_time(), words))}
    ran = await run(A, B, concurrency=1, environment=told)
    ((at_s, words),) = said
    assert words.startswith("Warning: the service a stopped: the gateway refused the key; check KE")
    assert words.endswith(". The others carry on.")
    assert at_s < 1 < 60 < trio.current_time()
    assert noted[0] is None
    assert noted[1:] == [ran.manifest["sessions"][-1]["stopped_services"]] * 2


async def test_the_exit_code_is_that_of_the_first_in_order_of_all_services_that_stopped(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    be_empty(services["a"])
    refuse_key(services["b"])
    bench.write(*lines("m", "y", "z"))
    ran = await run(A, B, C)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (5, 1)
    assert sorted(ran.manifest["sessions"][-1]["stopped_services"]) == ["a", "b"]


async def test_where_no_service_can_be_reached_nothing_was_sent(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    hang_up(services["a"])
    hang_up(services["b"])
    bench.write(*lines("m", "y"))
    ran = await run(A, B)
    assert (ran.outcome.exit_code, ran.outcome.finished) == (2, 0)
    refuse_key(services["b"])
    services["b"].refusing = False
    again = await run(A, B)
    assert (again.outcome.exit_code, again.outcome.finished) == (5, 0)


async def test_where_all_services_stop_the_run_ends_before_its_file_does(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    refuse_key(services["a"])
    bench.write_chats(1000)
    ran = await run(table("a", "m", rpm=60))
    assert (ran.outcome.exit_code, ran.outcome.finished) == (5, 0)
    assert len(services["a"].posts) < 20


async def test_an_interrupt_stops_all_services(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    stop = Stop(grace_s=30)
    bench.write(*lines(*["m", "y"] * 100))
    ran = None

    async def interrupt() -> None:
        await trio.sleep(10.5)
        stop.request(InterruptError("interrupted"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        ran = await run(
            table("a", "m", rpm=60), table("b", "y", rpm=60), environment={"stop": stop}
        )
    assert ran is not None
    assert ran.outcome.exit_code == 130
    assert ran.manifest["sessions"][-1]["state"] == "interrupted"
    assert "stopped_services" not in ran.manifest["sessions"][-1]
    assert 20 <= ran.outcome.succeeded <= 30
    assert len(services["a"].posts) == len(services["b"].posts)


async def test_a_stop_of_the_run_names_the_service_that_had_stopped_before_it(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    stop = Stop(grace_s=30)

    def answer(seen: Any) -> Any:
        if seen.number == 3:
            stop.request(InterruptError("interrupted"))
        return Service.fine(delay_s=1)

    refuse_key(services["a"])
    services["b"].answer = answer
    bench.write(*lines(*["m", "y"] * 10))
    ran = await run(A, B, concurrency=1, environment={"stop": stop})
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (130, 3)
    assert ran.outcome.reason.startswith("interrupted; the service a stopped: the gateway refused")


async def test_equal_jobs_go_to_one_service_where_they_are_sent_once(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    bench.write(*(chat_line(f"job-{n}", f"question {n % 10}") for n in range(100)))
    ran = await run(table("a", weight=1), table("b", weight=1), dedupe=True)
    assert ran.outcome.succeeded == 100
    assert len(services["a"].posts) + len(services["b"].posts) == 10
    assert (
        ran.results.group_by("body_digest").agg(pl.col("service").n_unique())["service"].to_list()
        == [1] * 10
    )


async def test_images_are_fetched_with_the_key_of_the_service_that_links_to_them(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(20)

    def serving(name: str) -> Any:
        links = {"data": [{"url": f"http://{name}.test/images/1.png"}], "created": 1}
        return lambda _seen: Service.fine()._replace(body=json.dumps(links).encode())

    for name in "ab":
        services[name].answer = serving(name)
        services[name].balance = lambda: Service.fine()._replace(
            body=png, headers=(("content-type", "image/png"),)
        )
    asks = {
        model: {
            "custom_id": model,
            "url": "/v1/images/generations",
            "body": {"model": model, "prompt": "x"},
        }
        for model in ("m", "y")
    }
    bench.write(*(json.dumps(each).encode() for each in asks.values()))
    first = await run(A, B)
    assert first.outcome.succeeded == 2
    foreign = httpx.MockTransport(lambda _request: pytest.fail("a host of neither service"))
    second = await run(A, B, download=True, environment={"foreign": foreign})
    assert second.manifest["sessions"][-1]["downloads"]["fetched"] == 2
    for name in "ab":
        fetched = [seen for seen in services[name].gets if seen.path == "/images/1.png"]
        assert [seen.headers["authorization"] for seen in fetched] == [f"Bearer {key_of(name)}"]


@pytest.mark.slow
async def test_a_display_says_what_each_service_does(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    shown: list[str] = []

    async def watch(progress: Any) -> None:
        meter = Meter()
        meter.look(progress)
        await trio.sleep(30)
        shown.append(in_words(meter.look(progress)))
        shown.extend(figure.name for figure in run_figures(progress)())
        lanes = next(each for each in run_figures(progress)() if each.name == "requests_sent")
        shown.extend(str(labels) for labels, _ in lanes.values)

    be_down(services["a"])
    bench.write(*lines(*["m"] * 30, *["y"] * 60))
    await run(table("a", "m"), table("b", "y", rpm=60), watch=watch, outage_s=50)
    assert shown[0].startswith("30 done, 0 failed, 0 rejected, ")
    assert "b: 30/60 requests, 300 tokens in the last minute" in shown[0]
    assert "a has failed for 30s; trying one job at a time" in shown[0]
    assert "{'model': '', 'service': 'a'}" in shown


async def test_a_run_waits_for_the_reset_of_the_one_service_whose_budget_is_spent(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    """The others are done by then, and what waited is sent in a session of its own."""
    reset_s = 500.0

    def budget() -> Any:
        spent = trio.current_time() < reset_s
        day = {"daily_budget": "9", "daily_used": "9" if spent else "0"}
        day["daily_remaining"] = "0" if spent else "9"
        resets_at = BEGAN + dt.timedelta(seconds=reset_s if spent else 90_000)
        return account(**day, daily_reset_at=resets_at.isoformat())()

    services["a"].balance = budget
    services["a"].answer = lambda seen: (
        Service.error(403, "FORBIDDEN", "daily budget exhausted")
        if seen.at_s < reset_s
        else Service.fine()
    )
    bench.write(*lines(*["m", "y"] * 10))
    ran = await run(A, B, wait_for_reset=True)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 20)
    first, second = ran.manifest["sessions"]
    assert list(first["stopped_services"]) == ["a"]
    assert second["state"] == "finished"
    assert services["b"].post_times_s[-1] < 1
    assert len(services["b"].posts) == 10


@pytest.mark.slow
async def test_a_disk_that_refuses_stops_all_services(
    run: Any, bench: Bench, services: Services, autojump_clock: MockClock
) -> None:
    bench.write(*lines(*["m", "y"] * 200))
    with bench.small_files(30_000):
        ran = await run(table("a", "m", rpm=600), table("b", "y", rpm=600))
    assert (ran.outcome.exit_code, ran.outcome.storage_failed) == (1, True)
    assert len(services["a"].posts) < 200
    assert len(services["b"].posts) < 200
    again = await run(table("a", "m"), table("b", "y"))
    assert (again.outcome.exit_code, again.outcome.succeeded) == (0, 400)


async def test_money_without_prices_is_not_counted_and_a_cap_needs_them(
    run: Any, bench: Bench, autojump_clock: MockClock
) -> None:
    bench.write(*lines("m"))
    with pytest.raises(
        InputError, match=r"--prices FILE, or prices in the \[\[services\]\] table of a"
    ):
        await run(A, max_cost=Decimal(1))
    ran = await run(A)
    assert ran.readings["kept"].to_list() == [None, None]
