"""Which services may be of one account, whatever their URLs are."""

import datetime as dt
import json
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import BalanceReading
from headrace.reports import summarise, summary_json
from headrace.runner import Secret
from headrace.runner.money import ReadAccount, shared_accounts
from tests.runner.conftest import Bench, Reply, Service, chat_line
from tests.runner.three_services import run_services, table

pytestmark = pytest.mark.usefixtures("no_sync")

ONE, OTHER = Secret("sk-one-key-of-many"), Secret("sk-another-of-them")


def read(
    service: str = "a",
    base_url: str = "http://a.test",
    key: Secret = ONE,
    balance: str | None = "9.99",
    **fields: Any,
) -> ReadAccount:
    """A service whose account shows a balance, and nothing of the key, unless told."""
    shown = {} if balance is None else {"balance": Decimal(balance), "currency": "CNY"}
    reading = BalanceReading(
        read_at=dt.datetime(2026, 6, 9, tzinfo=dt.UTC),
        moment="before",
        spent=Decimal(0),
        **{**shown, **fields},
    )
    return ReadAccount(service, base_url, key, reading)


USED: dict[str, Any] = {"daily_used": Decimal(1)}
NEAR = [
    "http://127.0.0.1:80",
    "http://localhost",
    "http://LOCALHOST:80/v4",
    "http://[::1]",
    "http://localhost./api/v1",
]


@pytest.mark.parametrize("url", [*NEAR, "https://other.test", "unix:/run/gateway.sock"])
def test_one_key_is_one_account_whatever_the_url(url: str) -> None:
    both = [read("a", "http://localhost"), read("b", url)]
    assert shared_accounts(both) == [["a", "b"]]
    assert shared_accounts([read("a", key_id="1"), read("b", url, key_id="1")]) == [["a", "b"]]


def test_one_key_is_one_account_where_only_one_of_its_paths_shows_it() -> None:
    silent = read("b", "http://a.test/anthropic", balance=None)
    assert shared_accounts([read("a"), silent]) == [["a", "b"]]


def test_placeholders_of_servers_without_accounts_are_no_matter() -> None:
    assert shared_accounts([read("a", balance=None), read("b", balance=None)]) == []


def test_keys_of_two_ids_or_currencies_are_two_though_their_text_is_one() -> None:
    other = "http://b.test"
    assert shared_accounts([read(key_id="1"), read("b", other, key_id="2")]) == []
    assert shared_accounts([read(), read("b", other, currency="EUR")]) == []


@pytest.mark.parametrize("url", NEAR)
def test_two_keys_of_one_host_that_shows_the_balance_alone_may_be_of_one_account(url: str) -> None:
    first = read("a", "http://localhost", key_id="1")
    assert shared_accounts([first, read("b", url, OTHER, key_id="2")]) == [["a", "b"]]
    assert shared_accounts([first, read("b", url, OTHER, key_id="2", balance="9.98")]) == []


def test_two_keys_whose_own_use_is_shown_are_told_apart() -> None:
    first = read("a", key_id="1", **USED)
    assert shared_accounts([first, read("b", key=OTHER, key_id="2", **USED)]) == []
    # What falls when the first is used looks like a bill of the one that shows no use.
    assert shared_accounts([first, read("b", key=OTHER, key_id="2")]) == [["a", "b"]]


@pytest.mark.parametrize("url", ["http://b.test", "http://a.test:8080", "https://a.test"])
def test_two_keys_at_two_places_are_two_accounts(url: str) -> None:
    assert shared_accounts([read("a"), read("b", url, OTHER)]) == []


def test_an_id_says_which_key_it_is_at_its_own_place_alone() -> None:
    """Any gateway may call its first key 1."""
    first = read("a", key_id="1", **USED)
    assert shared_accounts([first, read("b", "http://b.test", OTHER, key_id="1", **USED)]) == []
    assert shared_accounts([first, read("b", key=OTHER, key_id="1", **USED)]) == [["a", "b"]]


def test_those_of_one_account_stand_together_in_their_order() -> None:
    a, b, c, d, e = (
        read("a", key=OTHER, key_id="1", **USED),
        read("b", "http://b.test", Secret("sk-of-b-alone")),
        read("c", "http://c.test"),
        read("d", key=OTHER, key_id="1", **USED),
        read("e", "http://e.test"),
    )
    assert shared_accounts([a, b, c, d, e]) == [["a", "d"], ["c", "e"]]


def test_what_two_services_each_may_share_with_a_third_makes_them_one() -> None:
    ids = {"a": None, "b": "1", "c": "2"}
    read_all = [read(name, f"http://{name}.test", key_id=id_) for name, id_ in ids.items()]
    assert shared_accounts(read_all[1:]) == []
    assert shared_accounts(read_all) == [["a", "b", "c"]]


def shown(balance: str, **key: str) -> Reply:
    """The answer of GET /v1/balance."""
    body = {"currency": "CNY", "balance": balance, "api_key": key}
    return Service.fine()._replace(body=json.dumps(body).encode())


COST = Decimal("0.01")  # of ten tokens, at 1,000 for a million


@pytest.mark.slow
@pytest.mark.parametrize(
    ("others", "shows_use"),
    [
        ({"base_url": "http://a.test", "key_variable": "KEY_A"}, True),
        ({"base_url": "http://A.test:80/v4/", "key_variable": "KEY_A"}, True),
        ({"base_url": "http://b.test", "key_variable": "KEY_A"}, True),
        ({"base_url": "http://a.test/other", "key_variable": "KEY_B"}, False),
    ],
    ids=["one URL and key", "the URL otherwise", "another URL", "another key of the account"],
)
async def test_an_account_that_two_services_have_stops_neither_and_is_not_checked(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    others: dict[str, Any],
    shows_use: bool,
) -> None:
    """By what it took for the other one, each would be billed for what it knows nothing of."""
    services = {name: Service() for name in "abc"}
    prices = bench.path / "prices.toml"
    each = "input = 1000\noutput = 1000\n"
    prices.write_text(f'currency = "CNY"\n[models.m]\n{each}[models.y]\n{each}[models.z]\n{each}')

    def account(*names: str) -> Any:
        used = sum(len(services[name].posts) for name in names) * COST
        return shown(str(100 - used), **{"daily_used": str(used)} if shows_use else {})

    for name, service in services.items():
        service.balance = partial(account, "c") if name == "c" else partial(account, "a", "b")
    bench.write(*(chat_line(f"job-{n}", f"question {n}", model="myz"[n % 3]) for n in range(180)))
    said: list[str] = []
    ran = await run_services(
        bench,
        services,
        table("a", "m", rpm=30),
        table("b", "y", rpm=30, **others),
        table("c", "z", rpm=30),
        prices=str(prices),
        environment={"announce": said.append},
        monkeypatch=monkeypatch,
    )
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 180)
    assert ran.outcome.cost == 180 * COST
    assert trio.current_time() > 60  # when an account that is watched is read again
    assert len(said) == 1
    assert said[0].startswith("Warning: the services a and b seem to have one account")
    watched = ran.readings.filter(moment="during")
    assert set(watched["service"]) == {"c"}
    assert ran.manifest["sessions"][-1]["shared_accounts"] == [["a", "b"]]
    summary = json.loads(summary_json(summarise(ran.directory)))
    verdicts = [each["balance"]["verdict"] for each in summary["services"]]
    assert verdicts == [*["cannot be checked"] * 2, "agrees"]
