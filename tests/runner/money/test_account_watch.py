"""The account, read while a run sends: what it releases, what it stops, what it only lowers."""

import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import trio
from trio.testing import MockClock

from headrace.jobs import Price, PriceTable
from tests.runner.money.test_budget import PRICES, bound_of, lose


class Book:
    """An account as its service shows it: `own` is what the key used, `others` what others did."""

    def __init__(self, service: Any, *, has: str = "100000", shows_use: bool = True) -> None:
        self.has = Decimal(has)
        self.own = Decimal(0)
        self.others = Decimal(0)
        self.shows_use = shows_use
        self.read_s: list[float] = []
        self._service = service
        service.balance = self._shown

    def _shown(self) -> Any:
        self.read_s.append(trio.current_time())
        key = {"daily_used": str(self.own), "daily_reset_at": "2026-06-10T00:00:00+08:00"}
        left = self.has - self.own - self.others
        body = {"currency": "CNY", "balance": str(left), "api_key": key if self.shows_use else {}}
        return self._service.fine()._replace(body=json.dumps(body).encode())

    def bill(self, reply: Any, amount: int = 10) -> Any:
        """A reply that is billed at once."""
        self.own += amount
        return reply


def bound(bench: Any) -> int:
    return bound_of(bench.chat_line("job-0", "question 0", max_tokens=50))


@pytest.mark.slow
async def test_the_account_is_read_every_minute(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    book = Book(service)
    service.answer = lambda seen: book.bill(service.fine())
    bench.write_chats(150, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, rpm=60)
    assert ran.outcome.exit_code == 0
    during = ran.readings.filter(pl.col("moment") == "during")
    assert book.read_s[:3] == pytest.approx([0.0, 60.0, 120.0])
    assert during["kept"].to_list() == [0, 0]


async def test_the_account_is_read_at_every_tenth_of_the_ceiling(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    book = Book(service)
    service.answer = lambda seen: book.bill(service.fine(delay_s=0.1))
    bench.write_chats(40, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, max_cost=Decimal(1000), concurrency=1)
    during = ran.readings.filter(pl.col("moment") == "during")
    assert ran.outcome.cost == 400
    assert during["spent"].to_list()[:3] == [100, 200, 300]  # a tenth is ten answers
    assert len(during) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("shows_use", [True, False])
async def test_what_leaves_the_account_beyond_what_is_known_stops_the_run(
    bench: Any, service: Any, autojump_clock: MockClock, shows_use: bool
) -> None:
    """Refusals are billed, which nobody can compute. Two readings 5 s apart say so."""
    book = Book(service, shows_use=shows_use)
    service.answer = lambda seen: (
        book.bill(service.error(400, "X"), 1000)
        if seen.number == 2
        else book.bill(service.fine(delay_s=1))
    )
    bench.write_chats(300, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, concurrency=1)
    assert ran.outcome.exit_code == 3
    assert book.read_s[1:3] == pytest.approx([60.0, 65.0])
    assert "the account took " in (ran.outcome.reason or "")
    assert "0 kept for attempts whose bill is unknown" in (ran.outcome.reason or "")
    assert len(service.posts) < 70
    again = await bench.run(service, prices=PRICES, concurrency=1, yes=True)
    assert again.outcome.finished == 300


async def test_yes_lifts_the_stop(bench: Any, service: Any, autojump_clock: MockClock) -> None:
    book = Book(service)
    service.answer = lambda seen: book.bill(service.fine(delay_s=1), 1000)
    bench.write_chats(100, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, concurrency=1, yes=True)
    assert ran.outcome.succeeded == 100


async def test_one_reading_alone_stops_nothing(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The service takes 1,000 beforehand, and gives them back."""
    book = Book(service)

    def answer(seen: Any) -> Any:
        book.bill(None, {60: 1010, 64: -990}.get(seen.number, 10))
        return service.fine(delay_s=1)

    service.answer = answer
    bench.write_chats(100, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, concurrency=1)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 100)


async def test_a_balance_that_falls_by_others_only_lowers_the_ceiling(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    book = Book(service, has="10000")

    def answer(seen: Any) -> Any:
        if seen.number == 30:
            book.others = Decimal(9000)
        return book.bill(service.fine(delay_s=1))

    service.answer = answer
    bench.write_chats(200, max_tokens=50)
    ran = await bench.run(service, prices=PRICES, concurrency=1)
    assert ran.outcome.exit_code == 3
    assert "goes beyond the balance, which had " in (ran.outcome.reason or "")
    assert "left at 2026-06-09T08:3" in (ran.outcome.reason or "")
    # 1,000 less the bound of the next job: not one more.
    assert book.own + bound(bench) > 1000 >= book.own


async def test_nothing_is_judged_while_answers_have_no_price(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    book = Book(service)
    service.answer = lambda seen: book.bill(service.fine(delay_s=1), 1000)
    other = PriceTable(currency="CNY", models={"another": Price(input=Decimal(1))})
    bench.write_chats(100, max_tokens=50)
    ran = await bench.run(service, prices=other, concurrency=1)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 100)


async def test_what_was_not_billed_is_released_once_it_is_a_minute_old(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The bound of a 500 leaves no room; the account says that it cost nothing."""
    book = Book(service)
    service.answer = lambda seen: (
        service.error(500) if seen.number == 1 else book.bill(service.fine())
    )
    bench.write_chats(3, max_tokens=50)
    most = Decimal(bound(bench) + 20)
    said: list[str] = []
    ran = await bench.run(
        service, prices=PRICES, max_cost=most, concurrency=1, announce=said.append
    )
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 3)
    assert service.post_times_s[1] >= 60
    assert len(said) == 1
    assert "for the account to say how much of the" in said[0]
    assert ran.readings["released"].drop_nulls().to_list() == [bound(bench)]
    assert ran.readings["kept"].to_list()[0] == 0
    assert ran.readings["kept"].to_list()[-1] == 0


async def test_what_was_billed_in_part_stays_kept_also_for_later_sessions(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    book = Book(service)
    service.answer = lambda seen: (
        book.bill(service.error(500), 7) if seen.number == 1 else book.bill(service.fine())
    )
    bench.write_chats(2, max_tokens=50)
    least = Decimal(bound(bench) + 7)
    ran = await bench.run(service, prices=PRICES, max_cost=least + 9, concurrency=1)
    # After the first job 10 are spent and 7 kept: 1 too little for the second.
    assert ran.outcome.exit_code == 3
    assert "with 10 spent and 7 kept" in (ran.outcome.reason or "")
    again = await bench.run(service, prices=PRICES, max_cost=least + 9, concurrency=1)
    assert "with 10 spent and 7 kept" in (again.outcome.reason or "")
    third = await bench.run(service, prices=PRICES, max_cost=least + 10, concurrency=1)
    assert (third.outcome.exit_code, third.outcome.cost) == (0, 20)


async def test_what_a_killed_session_lost_is_held_against_its_own_first_reading(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The bill of the lost attempt was in the balance before the second session began."""
    book = Book(service)
    service.answer = lambda seen: book.bill(service.fine())
    bench.write_chats(1, max_tokens=50)
    await bench.run(service, prices=PRICES)
    bench.write_chats(2, max_tokens=50)
    lose(bench, bound(bench))
    book.own += 4  # so much of it was produced
    await trio.sleep(1000)
    most = Decimal(14 + bound(bench))
    ran = await bench.run(service, prices=PRICES, max_cost=most - 1)
    assert ran.outcome.exit_code == 3
    assert "with 10 spent and 4 kept" in (ran.outcome.reason or "")
    ran = await bench.run(service, prices=PRICES, max_cost=most)
    assert (ran.outcome.exit_code, ran.outcome.cost) == (0, 20)


async def test_without_a_balance_what_is_kept_stays(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(500) if seen.number == 1 else service.fine()
    bench.write_chats(1, max_tokens=50)
    most = Decimal(2 * bound(bench) - 1)
    ran = await bench.run(service, prices=PRICES, max_cost=most)
    assert (ran.outcome.exit_code, len(service.posts)) == (3, 1)
    assert trio.current_time() < 10


async def test_a_top_up_releases_nothing_where_the_keys_use_is_not_shown(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    book = Book(service, shows_use=False)

    def answer(seen: Any) -> Any:
        if seen.number == 1:
            book.others -= 5000
            return book.bill(service.error(500), 100)
        return book.bill(service.fine())

    service.answer = answer
    bench.write_chats(1, max_tokens=50)
    most = Decimal(2 * bound(bench) - 1)
    ran = await bench.run(service, prices=PRICES, max_cost=most)
    assert (ran.outcome.exit_code, len(service.posts)) == (3, 1)
    assert ran.readings["released"].drop_nulls().to_list() == []
