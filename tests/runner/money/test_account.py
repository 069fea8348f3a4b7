"""The balance as it is read: its figures, other shapes of it, and what is shown."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any, Literal

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.jobs import BalanceReading, row_frame
from headrace.runner.client import Client
from headrace.runner.clock import RunClock
from headrace.runner.errors import KeyRefusedError, UnreachableError
from headrace.runner.money.account import Account, empty_fund, show_reading
from headrace.runner.secret import Secret
from headrace.runner.transport import TrioTransport
from tests.runner.conftest import BEGAN, KEY, Reply, Service

REFERENCE = {
    "object": "balance",
    "currency": "CNY",
    "balance": 138.5,
    "api_key": {
        "id": "1923456789012345678",
        "name": "claude-code",
        "daily_budget": 20.0,
        "daily_used": 3.25,
        "daily_remaining": 16.75,
        "daily_reset_at": "2026-06-09T00:00:00+08:00",
        "monthly_budget": None,
        "monthly_used": None,
        "monthly_remaining": None,
        "monthly_reset_at": None,
    },
}


def account_of(service: Service) -> Account:
    clock = RunClock(lambda: BEGAN)
    transport = TrioTransport(connect=service.connect)
    return Account(
        Client(transport, base_url="http://gateway.test", key=Secret(KEY), clock=clock), clock
    )


async def read(service: Service, body: object) -> BalanceReading:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    service.balance = lambda: Reply(200, data)
    return await account_of(service).read("before", spent=Decimal(0))


async def test_the_reference_is_read_exactly(service: Service, autojump_clock: Any) -> None:
    reading = await read(service, REFERENCE)
    assert (reading.currency, reading.balance) == ("CNY", Decimal("138.5"))
    assert (reading.key_id, reading.key_name) == ("1923456789012345678", "claude-code")
    assert (reading.daily_budget, reading.daily_used, reading.daily_remaining) == (
        Decimal(20),
        Decimal("3.25"),
        Decimal("16.75"),
    )
    assert reading.daily_reset_at == dt.datetime(2026, 6, 8, 16, tzinfo=dt.UTC)
    assert (reading.monthly_budget, reading.monthly_used) == (None, None)
    assert reading.decimals == 2
    (seen,) = service.gets
    assert (seen.method, seen.path, seen.body) == ("GET", "/v1/balance", b"")
    assert seen.headers["authorization"] == f"Bearer {KEY}"


async def test_digits_that_a_float_would_lose_are_kept(
    service: Service, autojump_clock: Any
) -> None:
    text = b'{"currency": "CNY", "balance": 123456789012.123456789012}'
    reading = await read(service, text)
    assert (reading.balance, reading.decimals) == (Decimal("123456789012.123456789012"), 12)


async def test_the_last_digits_of_a_float_are_rounded_off(
    service: Service, autojump_clock: Any
) -> None:
    """A service that counts in floats shows 138.49999999999997; a table holds 12 places."""
    reading = await read(service, b'{"currency": "CNY", "balance": 138.49999999999997}')
    assert reading.balance == Decimal("138.5")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"\xff",
        {"balance_infos": [{"currency": "CNY", "total_balance": "110.00"}]},  # DeepSeek's
        {"object": "balance", "balance": 1},
        {"currency": "CNY", "balance": "NaN"},
        {"currency": "CNY", "balance": "Infinity"},
        {"currency": "CNY", "balance": "1e400"},
        {"currency": "CNY", "balance": 1, "api_key": None},
        {"currency": "CNY", "balance": 1, "api_key": {"daily_used": "NaN"}},
        {"currency": "CNY", "balance": 1, "api_key": {"daily_reset_at": "2026-06-09T00:00:00"}},
    ],
)
async def test_another_shape_is_a_reading_that_says_so(
    service: Service, body: object, autojump_clock: Any
) -> None:
    reading = await read(service, body)
    assert reading.balance is None
    assert (reading.error or "").startswith("another shape of balance: ")
    row_frame(BalanceReading, [reading])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["currency", "balance", *REFERENCE["api_key"]])  # type: ignore[misc]


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(FIELDS, JSON | st.decimals().map(str), max_size=4),
    api_key=st.none() | JSON,
)
def test_no_answer_breaks_a_run(values: dict[str, Any], api_key: Any) -> None:
    """Whatever a service says, the reading is one that a table can hold."""
    key = {**REFERENCE["api_key"], **values} if api_key is None else api_key  # type: ignore[dict-item]
    body = {**REFERENCE, **values, "api_key": key}

    async def main() -> BalanceReading:
        async with trio.open_nursery() as nursery:
            service = Service()
            service.nursery = nursery
            reading = await read(service, body)
            nursery.cancel_scope.cancel()
        return reading

    reading = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert (reading.balance is None) == (reading.error is not None)
    assert len(row_frame(BalanceReading, [reading])) == 1


async def test_a_refused_key_is_an_error(service: Service, autojump_clock: Any) -> None:
    service.balance = lambda: Service.error(401, "UNAUTHORIZED", "Invalid or expired API Key")
    with pytest.raises(KeyRefusedError, match="Invalid or expired API Key"):
        await account_of(service).read("before", spent=Decimal(0))


async def test_a_key_that_the_refusal_repeats_is_not_shown(
    service: Service, autojump_clock: Any
) -> None:
    service.balance = lambda: Service.error(401, "UNAUTHORIZED", f"no such key: {KEY}")
    with pytest.raises(KeyRefusedError, match=r"no such key: \*\*\*\)") as refused:
        await account_of(service).read("before", spent=Decimal(0))
    assert KEY not in str(refused.value)


async def test_a_name_that_is_the_key_is_not_recorded(
    service: Service, autojump_clock: Any
) -> None:
    reading = await read(service, {**REFERENCE, "api_key": {"id": KEY, "name": f"of {KEY}"}})
    assert (reading.key_id, reading.key_name) == ("***", "of ***")


async def test_a_balance_that_is_packed_badly_is_a_reading_that_says_so(
    service: Service, autojump_clock: Any
) -> None:
    service.balance = lambda: Reply(200, b"no gzip", (("content-encoding", "gzip"),))
    reading = await account_of(service).read("before", spent=Decimal(0))
    assert reading.error is not None
    assert reading.error.startswith("no answer: /v1/balance can't be decoded: ")


async def test_a_service_without_a_balance_is_a_reading_that_says_so(
    service: Service, autojump_clock: Any
) -> None:
    reading = await account_of(service).read("before", spent=Decimal(0))
    assert (reading.http_status, reading.error) == (404, "GET /v1/balance answered 404")


async def test_an_unreachable_service_is_an_error_only_before_the_run(
    service: Service, autojump_clock: Any
) -> None:
    service.refusing = True
    account = account_of(service)
    with pytest.raises(UnreachableError, match="Connection refused; check --base-url"):
        await account.read("before", spent=Decimal(0))
    reading = await account.read("during", spent=Decimal(1))
    assert (reading.error, reading.spent) == ("no answer: Connection refused", Decimal(1))
    assert trio.current_time() == 0.0


async def test_a_proxy_on_the_way_is_named_where_nothing_answers(
    service: Service, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://me:secret@proxy.test:1")
    service.refusing = True
    with pytest.raises(UnreachableError, match=r"check --base-url and ALL_PROXY$"):
        await account_of(service).read("before", spent=Decimal(0))


async def test_a_slow_balance_is_given_up_after_15_s(service: Service, autojump_clock: Any) -> None:
    service.balance = lambda: Reply(200, b"{}", delay_s=99.0)
    reading = await account_of(service).read("before", spent=Decimal(0))
    assert (reading.error, trio.current_time()) == ("no answer in 15 s", 15.0)


FINE = Reply(200, b'{"currency": "CNY", "balance": 9}')
BROKEN = Reply(200, None)
BUSY = "GET /v1/balance answered 503"


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("answers", "balance", "error", "took_s"),
    [
        ([Service.error(503), Service.error(502), FINE], 9, None, 0.5 + 1.0),
        ([BROKEN, BROKEN, BROKEN, FINE], 9, None, 0.5 + 1.0 + 2.0),
        ([Service.error(429, retry_after="7"), FINE], 9, None, 7.0),
        ([Service.error(429, message="try again in 9 s"), FINE], 9, None, 9.0),
        ([Service.error(429, retry_after="0"), FINE], 9, None, 0.5),
        ([FINE._replace(delay_s=14.0)], 9, None, 14.0),
        # Not within its time.
        ([Service.error(429, retry_after="60")], None, "GET /v1/balance answered 429", 0.0),
        ([Service.error(500)], None, "GET /v1/balance answered 500", 7.5),
        ([BROKEN], None, "no answer: the server closed the connection before it answered", 7.5),
        (
            [Service.error(503), Reply(200, b"", delay_s=99.0)],
            None,
            "GET /v1/balance answered 503",
            15.0,
        ),
        # Another attempt would say the same.
        ([Service.error(404)], None, "GET /v1/balance answered 404", 0.0),
        ([Service.error(501)], None, "GET /v1/balance answered 501", 0.0),
        ([Service.error(503), Service.error(404)], None, "GET /v1/balance answered 404", 0.5),
    ],
)
async def test_the_first_and_the_last_reading_are_tried_again_within_their_time(
    service: Service,
    moment: Literal["before", "after"],
    answers: list[Reply],
    balance: int | None,
    error: str | None,
    took_s: float,
    autojump_clock: Any,
) -> None:
    """One 503 left a run without its balance check."""
    left = list(answers)
    service.balance = lambda: left.pop(0) if len(left) > 1 else left[0]
    reading = await account_of(service).read(moment, spent=Decimal(0))
    assert (reading.balance, reading.error) == (balance, error)
    assert trio.current_time() == took_s


async def test_a_reading_during_the_run_is_tried_once(
    service: Service, autojump_clock: Any
) -> None:
    service.balance = lambda: Service.error(503)
    reading = await account_of(service).read("during", spent=Decimal(0))
    assert (reading.error, len(service.gets)) == ("GET /v1/balance answered 503", 1)


async def test_a_service_that_stops_listening_meanwhile_was_there(
    service: Service, autojump_clock: Any
) -> None:
    """Only a first connection that is refused means a wrong address."""

    def balance() -> Reply:
        service.refusing = True
        return Service.error(503, connection="close")

    service.balance = balance
    reading = await account_of(service).read("before", spent=Decimal(0))
    assert reading.error == "no answer: Connection refused"


def falling(service: Service, *balances: str) -> None:
    """The service shows these balances one after the other, and the last from then on."""
    left = list(balances)

    def balance() -> Reply:
        text = left.pop(0) if len(left) > 1 else left[0]
        return Reply(200, b'{"currency": "CNY", "balance": %s}' % text.encode())

    service.balance = balance


@pytest.mark.parametrize(
    ("balances", "seen", "took_s"),
    [
        (["9.5"], "9.5", 0.0),  # as computed: nothing to wait for
        (["10", "9.7", "9.5"], "9.5", 0.5),  # charges come late
        (["10", "10", "10", "10", "10", "10", "10", "10", "10", "9.5"], "9.5", 2.25),  # later yet
        (["10"], "10", 5.0),  # never comes
        (["9.4"], "9.4", 1.5),  # others took more, and it stands still
        ([f"{10 - n / 100}" for n in range(1, 40)], "9.8", 5.0),  # it continues to fall
    ],
)
async def test_it_is_read_until_it_settles(
    service: Service, balances: list[str], seen: str, took_s: float, autojump_clock: Any
) -> None:
    account = account_of(service)
    falling(service, "10")
    first = await account.read("before", spent=Decimal(0))
    falling(service, *balances)
    began_s = trio.current_time()
    reading = await account.read_until_stable(spent=Decimal("0.5"), first=first)
    assert (reading.moment, trio.current_time() - began_s) == ("after", took_s)
    assert reading.balance == Decimal(balances[19] if len(balances) == 39 else seen)


@pytest.mark.parametrize(
    ("before", "after", "took_s"),
    [
        ("138.52", "138.52", 1.5),  # a hundredth of what it shows was spent
        ("138.50", "138.49", 1.5),
        ("138.5", "138.5", 5.0),  # which may be all of its decimals, and a late charge
        ("138.52", "138.53", 5.0),
        ("138.5200", "138.5200", 5.0),
    ],
)
async def test_what_a_service_rounds_away_is_not_waited_for(
    service: Service, before: str, after: str, took_s: float, autojump_clock: Any
) -> None:
    account = account_of(service)
    falling(service, before)
    first = await account.read("before", spent=Decimal(0))
    falling(service, after)
    reading = await account.read_until_stable(spent=Decimal("0.0012"), first=first)
    assert (reading.balance, trio.current_time()) == (Decimal(after), took_s)


async def test_a_reading_without_a_figure_takes_no_figure_away(
    service: Service, autojump_clock: Any
) -> None:
    account = account_of(service)
    falling(service, "10")
    first = await account.read("before", spent=Decimal(0))
    good = Reply(200, b'{"currency": "CNY", "balance": 9.7}')
    answers = iter([good, *[Service.error(502)] * 99])
    service.balance = lambda: next(answers)
    reading = await account.read_until_stable(spent=Decimal("0.5"), first=first)
    assert (reading.balance, reading.error, trio.current_time()) == (Decimal("9.7"), None, 5.0)


async def test_a_service_that_hangs_while_it_settles_holds_nobody_up(
    service: Service, autojump_clock: Any
) -> None:
    account = account_of(service)
    falling(service, "10")
    first = await account.read("before", spent=Decimal(0))
    good = Reply(200, b'{"currency": "CNY", "balance": 9.7}')
    answers = iter([good, good._replace(delay_s=99.0)])
    service.balance = lambda: next(answers)
    reading = await account.read_until_stable(spent=Decimal("0.5"), first=first)
    assert (reading.balance, trio.current_time()) == (Decimal("9.7"), 5.0)


async def test_it_settles_by_every_figure_that_is_shown(
    service: Service, autojump_clock: Any
) -> None:
    """Other keys let the balance fall, and the key's own use is booked after a second."""
    account = account_of(service)

    def shown(balance: str, used: str) -> Reply:
        text = '{"currency": "CNY", "balance": %s, "api_key": {"daily_used": %s}}'
        return Reply(200, (text % (balance, used)).encode())

    service.balance = lambda: shown("10", "1")
    first = await account.read("before", spent=Decimal(0))
    service.balance = lambda: shown("9", "1.5" if trio.current_time() >= 1 else "1")
    reading = await account.read_until_stable(spent=Decimal("0.5"), first=first)
    assert (reading.daily_used, trio.current_time()) == (Decimal("1.5"), 1.0)


@pytest.mark.parametrize(
    ("balances", "seen", "took_s"),
    [
        (["9.5"], "9.5", 1.5),  # booked at once
        (["10", "9.5"], "9.5", 3.0),
        ([f"{10 - n / 100}" for n in range(1, 40)], "9.96", 5.0),  # it continues to fall
    ],
)
async def test_without_prices_it_is_read_until_nothing_changes(
    service: Service, balances: list[str], seen: str, took_s: float, autojump_clock: Any
) -> None:
    falling(service, *balances)
    reading = await account_of(service).read_until_still(spent=Decimal(0))
    assert (reading.moment, trio.current_time()) == ("after", took_s)
    assert reading.balance == Decimal(seen)


@pytest.mark.parametrize(("ago_s", "took_s", "readings"), [(1.0, 0.5, 2), (1.5, 0.0, 1)])
async def test_what_has_passed_since_the_last_bill_is_not_waited_for_again(
    service: Service, ago_s: float, took_s: float, readings: int, autojump_clock: Any
) -> None:
    falling(service, "9.5")
    account = account_of(service)
    await trio.sleep(ago_s)
    reading = await account.read_until_still(spent=Decimal(0), billed_s=0.0)
    assert (reading.balance, trio.current_time()) == (Decimal("9.5"), ago_s + took_s)
    assert len(service.gets) == readings


async def test_without_prices_a_reading_that_fails_takes_no_figure_away(
    service: Service, autojump_clock: Any
) -> None:
    good = Reply(200, b'{"currency": "CNY", "balance": 9.7}')
    answers = iter([good, Service.error(404)])
    service.balance = lambda: next(answers)
    reading = await account_of(service).read_until_still(spent=Decimal(0))
    assert (reading.balance, trio.current_time()) == (Decimal("9.7"), 1.5)


def reading_of(**fields: Any) -> BalanceReading:
    return BalanceReading(read_at=BEGAN, moment="before", spent=Decimal(0), **fields)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, None),
        ({"balance": Decimal("0.01"), "daily_remaining": Decimal("0.01")}, None),
        ({"balance": Decimal(0)}, "the balance"),
        ({"balance": Decimal(-1)}, "the balance"),
        ({"balance": Decimal(1), "daily_remaining": Decimal(0)}, "the key's daily budget"),
        ({"balance": Decimal(1), "monthly_remaining": Decimal(0)}, "the key's monthly budget"),
    ],
)
def test_what_is_spent_is_named(fields: dict[str, Decimal], name: str | None) -> None:
    found = empty_fund(reading_of(**fields))
    assert (found and found.name) == name


def test_a_reading_for_people() -> None:
    reading = reading_of(
        currency="CNY",
        balance=Decimal("138.5"),
        key_id="19",
        key_name="claude-code",
        daily_budget=Decimal("20.0"),
        daily_used=Decimal("3.25"),
        daily_remaining=Decimal("16.75"),
        daily_reset_at=BEGAN,
    )
    assert show_reading(reading).splitlines() == [
        "balance        138.5 CNY",
        "today          3.25 used of 20.0, 16.75 left, until 2026-06-09T08:30:20+00:00",
        "this month     no budget set",
        "key            claude-code (19)",
    ]


async def test_what_a_service_calls_the_key_moves_no_terminal_and_forges_no_line(
    service: Service, autojump_clock: Any
) -> None:
    body = REFERENCE | {"api_key": {"id": "1", "name": "k\x1b[2J\nbalance        9999 CNY\u202e"}}
    shown = show_reading(await read(service, body)).splitlines()
    assert [line for line in shown if line.startswith("balance")] == ["balance        138.5 CNY"]
    assert [each for each in shown if not each.isprintable()] == []


async def test_a_refusal_of_the_key_is_one_line_whatever_the_service_says(
    service: Service, autojump_clock: Any
) -> None:
    said = {"error": {"message": "no\nStopped: all is well\r\x85\u2028\x1b[1A", "code": "x"}}
    service.balance = lambda: Reply(401, json.dumps(said).encode())
    with pytest.raises(KeyRefusedError) as refused:
        await account_of(service).read("before", spent=Decimal(0))
    assert refused.value.format_message().isprintable()
