"""By which services a run may be resumed, and what its report then tells of those that are gone."""

import shutil
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from trio.testing import MockClock

from headrace.jobs import (
    Attempt,
    Ended,
    Manifest,
    PriceTable,
    Sent,
    ServiceRecord,
    decode_manifest,
    load_prices,
)
from headrace.reports import Summary, summarise
from headrace.runner.errors import RunDirectoryError
from headrace.runner.record import journalled
from headrace.runner.record.same_services import refuse_other_services, services_now
from tests.runner.conftest import Bench, Ran, Service, chat_line
from tests.runner.three_services import run_services, table

pytestmark = pytest.mark.usefixtures("no_sync")

A, B, C = table("a", "m"), table("b", "y"), table("c", "m")
COST = Decimal("0.01")  # of ten tokens, at 1,000 for a million


@pytest.fixture
def services() -> dict[str, Service]:
    return {name: Service() for name in "abcd"}


@pytest.fixture
def run(bench: Bench, services: dict[str, Service], monkeypatch: pytest.MonkeyPatch) -> Any:
    bench.write(*(chat_line(f"job-{n}", f"question {n}", model="my"[n % 2]) for n in range(4)))
    return partial(run_services, bench, services, monkeypatch=monkeypatch)


@pytest.fixture
def prices(bench: Bench) -> Path:
    path = bench.path / "prices.toml"
    each = "input = 1000\noutput = 1000\n"
    path.write_text(f'currency = "CNY"\n[models.m]\n{each}[models.y]\n{each}')
    return path


def be_down(service: Service) -> None:
    service.answer = lambda _seen: Service.error(500)


def be_well(service: Service) -> None:
    service.answer = lambda _seen: Service.fine()


def told(ran: Ran) -> dict[str, tuple[int, int, Decimal | None]]:
    """The requests, jobs and cost of each service in the report, which are those of all."""
    found: Summary = summarise(ran.directory)
    assert sum(each.requests for each in found.by_service) == len(ran.attempts)
    assert sum(each.jobs for each in found.by_service) == len(ran.results)
    return {each.name: (each.requests, each.jobs, each.cost) for each in found.by_service}


async def test_a_service_that_only_failed_may_be_renamed_and_stays_in_the_report(
    run: Any, services: dict[str, Service], prices: Path, autojump_clock: MockClock
) -> None:
    """What it may have billed is kept as spent, and no other service's."""
    be_down(services["a"])
    first = await run(A, B, prices=str(prices), attempts=1)
    assert (first.outcome.succeeded, first.outcome.failed) == (2, 2)
    ran = await run(C, B, prices=str(prices), retry_failed=True)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 4)
    assert told(ran) == {"c": (2, 2, 2 * COST), "b": (2, 2, 2 * COST), "a": (2, 0, None)}


async def test_a_service_that_was_never_reached_leaves_nothing_behind(
    run: Any, services: dict[str, Service], autojump_clock: MockClock
) -> None:
    services["a"].refusing = True
    await run(A, B)
    ran = await run(C, B)
    assert [each["name"] for each in ran.manifest["services"]] == ["c", "b"]
    assert told(ran).keys() == {"c", "b"}


@pytest.mark.slow
async def test_a_session_may_do_without_a_service_that_has_answered(
    run: Any, services: dict[str, Service], prices: Path, autojump_clock: MockClock
) -> None:
    """Its key is not asked for any more: the others' jobs come to their end without it."""
    be_down(services["b"])
    await run(A, B, prices=str(prices), attempts=1)
    services["a"].answer = lambda _seen: Service.error(401, "UNAUTHORIZED")
    be_well(services["b"])
    without = await run(*(A, B), chosen=["b"], prices=str(prices), retry_failed=True)
    assert (without.outcome.exit_code, without.outcome.succeeded) == (0, 4)
    assert told(without) == {"b": (4, 2, 2 * COST), "a": (2, 2, 2 * COST)}
    assert not services["a"].gets[2:]
    with pytest.raises(RunDirectoryError, match=r"service a; resume it .* --service may leave out"):
        await run(B)
    again = await run(A, B)
    assert [each["name"] for each in again.manifest["services"]] == ["a", "b"]


async def test_an_answer_that_cost_something_and_fits_nothing_binds_to_its_service(
    run: Any, prices: Path, autojump_clock: MockClock
) -> None:
    """As one that does not fit its schema: it was paid for."""
    ran = await run(A, B, prices=str(prices))
    (part,) = (ran.directory / "results").glob("*.parquet")
    pl.read_parquet(part).with_columns(status=pl.lit("failed")).write_parquet(part)
    with pytest.raises(RunDirectoryError, match="has answers of the service a;"):
        await run(C, B, prices=str(prices))


async def test_what_was_sent_with_services_is_not_resumed_without_nor_the_other_way_round(
    run: Any, bench: Bench, services: dict[str, Service], prices: Path, autojump_clock: MockClock
) -> None:
    """Nothing succeeded in either; but rows of services beside others belong to no account."""
    for service in services.values():
        be_down(service)
    await run(A, B, attempts=1)
    with pytest.raises(
        RunDirectoryError,
        match=r"has requests to the services a and b; resume it with \[\[services\]\], or choose",
    ):
        await bench.run(services["c"])
    shutil.rmtree(bench.directory)
    await bench.run(services["c"], attempts=1, prices=load_prices(prices))
    with pytest.raises(
        RunDirectoryError, match=r"requests to http.*, without \[\[services\]\]; resume it without"
    ):
        await run(A, B, prices=str(prices))


async def test_before_anything_was_sent_services_may_come_and_go(
    run: Any, bench: Bench, services: dict[str, Service], autojump_clock: MockClock
) -> None:
    services["a"].refusing = services["b"].refusing = True
    await run(A, B)
    ran = await bench.run(services["c"])
    assert (ran.outcome.succeeded, ran.manifest["services"]) == (4, [])


def names(services: list[ServiceRecord]) -> list[str]:
    return [each.name for each in services]


async def test_a_service_keeps_the_prices_that_it_had_until_others_are_given(
    run: Any, prices: Path, autojump_clock: MockClock
) -> None:
    ran = await run(A | {"prices": str(prices)}, B)
    known = decode_manifest((ran.directory / "run.json").read_bytes())
    a, b = known.services
    assert (a.prices, b.prices) == (load_prices(prices), None)
    without = msgspec.structs.replace(a, prices=None)
    now = services_now(ran.directory, known, msgspec.structs.replace(known, services=[without, b]))
    assert now == [a, b]
    other = msgspec.structs.replace(a, prices=PriceTable(currency="CNY", models={}))
    now = services_now(ran.directory, known, msgspec.structs.replace(known, services=[other, b]))
    assert now == [other, b]


async def test_what_the_journal_holds_counts_as_what_the_tables_hold(
    run: Any, bench: Bench, autojump_clock: MockClock
) -> None:
    """As after a kill: nothing is in a table yet."""
    ran = await run(A, B)
    known = decode_manifest((ran.directory / "run.json").read_bytes())
    fresh: Manifest = msgspec.structs.replace(known, services=known.services[1:])
    killed = bench.path / "killed.run"
    (killed / "journal").mkdir(parents=True)
    row = {
        name: value
        for name, value in ran.attempts.filter(service="a").row(0, named=True).items()
        if value is not None
    }
    ended = msgspec.json.encode(Ended(attempt=msgspec.convert(row, type=Attempt, strict=False)))
    segment = killed / "journal" / "000001.jsonl"
    segment.write_bytes(ended + b"\n")
    assert len(list(journalled(killed))) == 1
    refuse_other_services(killed, known, fresh, left_out=())  # it has neither cost nor result
    # One that was sent may have billed something, and keeps its place in the report.
    sent = {name: value for name, value in row.items() if name in Sent.__struct_fields__}
    lost = msgspec.json.encode(msgspec.convert(sent, type=Sent, strict=False))
    segment.write_bytes(lost + b"\n")
    refuse_other_services(killed, known, fresh, left_out=())
    assert names(services_now(killed, known, fresh)) == ["b", "a"]
    of_b = msgspec.structs.replace(known, services=known.services[:1])
    assert names(services_now(killed, known, of_b)) == ["a"]
    row["cost"] = "0.01"
    ended = msgspec.json.encode(Ended(attempt=msgspec.convert(row, type=Attempt, strict=False)))
    segment.write_bytes(ended + b"\n")
    with pytest.raises(RunDirectoryError, match="has answers of the service a;"):
        refuse_other_services(killed, known, fresh, left_out=())
    refuse_other_services(killed, known, fresh, left_out=["a"])


async def test_a_run_resumes_with_its_services_where_they_are_and_with_more_of_them(
    run: Any, bench: Bench, services: dict[str, Service], autojump_clock: MockClock
) -> None:
    first = await run(A)
    assert (first.outcome.succeeded, first.outcome.rejected) == (2, 2)
    with pytest.raises(RunDirectoryError, match="has answers of the service a; resume it with"):
        await run(B)
    with pytest.raises(
        RunDirectoryError, match=r"has answers of the service a from http://a\.test;"
    ):
        await run(A | {"base_url": "http://b.test"}, B)
    with pytest.raises(RunDirectoryError, match="has answers of the service a; resume it with"):
        await bench.run(services["a"])
    second = await run(A | {"rpm": 600}, B)
    assert (second.outcome.exit_code, second.outcome.succeeded) == (0, 4)
    assert second.rejects == []


async def test_each_protocol_of_a_service_stays_where_it_is(
    run: Any, bench: Bench, services: dict[str, Service], autojump_clock: MockClock
) -> None:
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    message = {"custom_id": "message", "url": "/v1/messages", "body": body}
    bench.write(chat_line("chat", "x", model="m"), msgspec.json.encode(message))
    urls = {"openai": "http://a.test", "anthropic": "http://claude.test"}
    ran = await run(A | {"base_url": urls}, attempts=1)
    hosts = {each.path: each.headers["host"] for each in services["a"].posts}
    assert hosts == {"/v1/chat/completions": "a.test", "/v1/messages": "claude.test"}
    (record,) = ran.manifest["services"]
    assert (record["base_url"], record["anthropic_base_url"]) == (*urls.values(),)
    moved = urls | {"anthropic": "http://b.test"}
    with pytest.raises(RunDirectoryError, match=r"a from http://a\.test and http://claude\.test;"):
        await run(A | {"base_url": moved})


async def test_a_run_that_was_begun_without_services_says_so(
    run: Any, bench: Bench, services: dict[str, Service], autojump_clock: MockClock
) -> None:
    await bench.run(services["a"])
    with pytest.raises(
        RunDirectoryError,
        match=r"was begun at http://gateway\.test, without \[\[services\]\]; resume it there,",
    ):
        await run(A, B)


@pytest.mark.parametrize("column", ["service", "cost", "sent_at", "http_status"])
async def test_a_table_of_somebody_else_may_lack_what_may_be_null(
    run: Any, services: dict[str, Service], column: str, autojump_clock: MockClock
) -> None:
    be_down(services["a"])
    ran = await run(A, B, attempts=1)
    for part in ran.directory.glob("*/*.parquet"):
        pl.read_parquet(part).drop(column, strict=False).write_parquet(part)
    if column == "service":
        again = await run(C, table("d", "y"))
        assert (again.outcome.exit_code, len(again.results)) == (1, 4)
    else:
        with pytest.raises(RunDirectoryError, match="has answers of the service b;"):
            await run(C, table("d", "y"))
