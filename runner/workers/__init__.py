"""Several processes that work as one run: what they may send together, and what they may spend.

A worker's session and the coordinator exchange one message each way:

    worker          allotment = Allotment(admission.lanes, admission.concurrency, admission.budget,
                                          on_news=...)     once its parts are assembled
                    send allotment.report(now_s)           each REPORT_S, and soon after on_news
                    allotment.take(terms, now_s)           for what comes back
    coordinator     dealer = Dealer(Shares(limits, slots=..., now_s=...), Leases(budget, totals))
                    dealer.join(worker)                    when its link is up
                    dealer.report(worker, use, now_s)      for what comes
                    dealer.terms(now_s)                    each REPORT_S, and soon after on_news:
                                                           send what it gives
                    dealer.leave(worker, now_s)            when its process has ended, and then
                    leases.lost(worker, use, now_s=...)    once its journal says what it spent
                    leases.serve()                         a task beside

A worker's session has `_lane = SharedLane` and `_leased = True`; its requests wait until the first
terms are there. `shares.remember` takes what an earlier session sent in its last minute. `totals`
are the coordinator's, whose `spent` and `kept` only `Leases` moves. Times are those of the caller's
own clock; clocks are never compared. Reports and terms are msgspec structs, and may be late, but
not overtake each other.
"""

from .allotment import Allotment
from .dealer import Dealer
from .leases import Leases
from .shares import Past, Shares
from .terms import REPORT_S, SHARE_LASTS_S, SlotUse, WorkerTerms, WorkerUse

__all__ = [
    "REPORT_S",
    "SHARE_LASTS_S",
    "Allotment",
    "Dealer",
    "Leases",
    "Past",
    "Shares",
    "SlotUse",
    "WorkerTerms",
    "WorkerUse",
]
