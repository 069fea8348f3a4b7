"""The coordinator's messages: who is told what, and when. Their sums are in test_shares."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from headrace.jobs import Limits
from headrace.runner.limits import LaneUse
from headrace.runner.money import Budget, LeaseUse
from headrace.runner.workers import Dealer, Leases, Shares, WorkerUse
from headrace.runner.workers.dealer import RENEW_S


def dealer_of(workers: str, *, money: bool = False) -> Dealer:
    limits = Limits(rpm=600, tpm=None, concurrency=None)
    leases = None
    if money:
        totals: Any = SimpleNamespace(spent=0, kept=0, unaccounted=0, unbilled_s=None)
        leases = Leases(Budget(totals, currency="CNY"), totals)
    dealer = Dealer(Shares(limits, slots=None, now_s=0.0), leases)
    for worker in workers:
        dealer.join(worker)
    return dealer


def report(
    dealer: Dealer, worker: str, number: int, applied: int, now_s: float, **use: Any
) -> None:
    money = use.pop("money", None)
    lane = LaneUse(held_requests=use.pop("held", 600), **use)
    dealer.report(worker, WorkerUse(number, applied, [lane], money=money), now_s)


def told(dealer: Dealer, now_s: float) -> list[str]:
    return [str(worker) for worker, _ in dealer.terms(now_s)]


def test_nobody_is_told_anything_before_it_has_reported() -> None:
    dealer = dealer_of("ab")
    assert told(dealer, 0.0) == []
    report(dealer, "a", 1, 0, 0.0, held=0)
    terms = dict(dealer.terms(0.1))
    assert list(terms) == ["a"]
    assert (terms["a"].number, terms["a"].answers) == (1, 1)


def test_what_has_not_changed_is_told_again_before_it_runs_out() -> None:
    dealer = dealer_of("a")
    report(dealer, "a", 1, 0, 0.0, held=0)
    assert told(dealer, 0.0) == ["a"]
    report(dealer, "a", 2, 1, 1.0)
    assert told(dealer, 1.0) == []
    report(dealer, "a", 3, 1, RENEW_S)
    assert told(dealer, RENEW_S) == ["a"]
    assert told(dealer, 2 * RENEW_S) == []  # it has not reported since


def test_terms_that_were_not_heard_are_told_again_with_each_report() -> None:
    dealer = dealer_of("a")
    report(dealer, "a", 1, 0, 0.0, held=0)
    assert told(dealer, 0.0) == ["a"]
    report(dealer, "a", 2, 0, 0.5, held=0)
    assert told(dealer, 0.5) == ["a"]


def test_a_report_that_comes_twice_is_taken_once() -> None:
    dealer = dealer_of("a")
    report(dealer, "a", 2, 0, 0.0, held=0)
    report(dealer, "a", 1, 0, 0.0, held=500)
    pool = dealer.shares.lanes[0].requests
    assert pool is not None
    assert pool.stakes["a"].held == 0


def test_a_cool_down_is_told_to_all_at_once_and_not_again_and_again() -> None:
    dealer, news = dealer_of("ab"), list[str]()
    dealer.on_news = lambda: news.append("news")
    for worker in "ab":
        report(dealer, worker, 1, 0, 0.0, held=0)
    dealer.terms(0.0)
    report(dealer, "a", 2, 1, 1.0, hold_s=30.0)
    assert (news, told(dealer, 1.0)) == (["news"], ["a", "b"])
    report(dealer, "a", 3, 1, 1.5, hold_s=29.6)
    assert (news, told(dealer, 1.5)) == (["news"], [])


def test_a_lease_is_told_at_once() -> None:
    dealer, news = dealer_of("a", money=True), list[str]()
    dealer.on_news = lambda: news.append("news")
    report(dealer, "a", 1, 0, 0.0, held=0, money=LeaseUse())
    dealer.terms(0.0)
    report(dealer, "a", 2, 1, 0.5, money=LeaseUse(need=Decimal(5)))
    terms = dict(dealer.terms(0.5))
    assert news == ["news"]
    assert terms["a"].money is not None
    assert terms["a"].money.lent == 5


def test_of_many_workers_shares_are_dealt_now_and_then_and_news_is_told_at_once() -> None:
    """To look at what each of them has takes a core's time: of a thousand with one limit it is done
    five times per second. So 60 requests that one does not use wait for others so long."""
    names = [f"w{n:04}" for n in range(1000)]
    limits = Limits(rpm=40_000, tpm=None, concurrency=None)
    dealer = Dealer(Shares(limits, slots=None, now_s=0.0), None)
    for name in names:
        dealer.join(name)
        report(dealer, name, 1, 0, 0.0, held=0)
    assert set(told(dealer, 0.0)) == set(names)
    for name in names:
        report(dealer, name, 2, 1, 0.05, held=40, waits_for="requests" if name > "w0500" else None)
    assert told(dealer, 0.05) == []
    assert len(told(dealer, 0.21)) > 500
    report(dealer, names[0], 3, 1, 0.25, held=1, hold_s=30.0)
    assert len(told(dealer, 0.25)) == 1000
    report(dealer, names[1], 3, 1, 3.3, held=1)
    assert names[1] in told(dealer, 3.3)  # before its terms run out
