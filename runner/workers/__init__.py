"""Several processes that send for one run: what they tell each other, who starts them, and what
they may send and spend together.

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
                    dealer.leave(worker, now_s, sent=...)  when its process has ended, and then
                    leases.lost(worker, use, now_s=...)    once its journal says what it spent
                    leases.serve()                         a task beside

A worker's session has `_lane = SharedLane` and `_leased = True`; its requests wait until the first
terms are there. `shares.remember` takes what an earlier session sent in its last minute. `totals`
are the coordinator's, whose `spent` and `kept` only `Leases` moves. Times are those of the caller's
own clock; clocks are never compared. Reports and terms are msgspec structs, and may be late, but
not overtake each other.
"""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .allotment import Allotment
    from .coordinator import CoordinatorSession
    from .crew import Crew, Foreman, Hand, OpenWorkers, Place, WorkerEnd, WorkerLink
    from .dealer import Dealer
    from .leases import Leases
    from .link import Link, LinkLostError, StreamLink
    from .messages import (
        BLOCK_JOBS,
        Anchor,
        Begin,
        Deal,
        Done,
        Give,
        GivenJob,
        Go,
        Halt,
        LaneCount,
        NoMore,
        Ready,
        Reason,
        Room,
        Tell,
        ToCoordinator,
        ToWorker,
        Use,
    )
    from .processes import WorkerProcesses
    from .session import (
        CoordinatorLink,
        WorkerDirectory,
        WorkerSession,
        worker_clock,
        worker_directory,
    )
    from .shares import Past, Shares
    from .terms import REPORT_S, SHARE_LASTS_S, SlotUse, WorkerTerms, WorkerUse

__all__ = [
    "BLOCK_JOBS",
    "REPORT_S",
    "SHARE_LASTS_S",
    "Allotment",
    "Anchor",
    "Begin",
    "CoordinatorLink",
    "CoordinatorSession",
    "Crew",
    "Deal",
    "Dealer",
    "Done",
    "Foreman",
    "Give",
    "GivenJob",
    "Go",
    "Halt",
    "Hand",
    "LaneCount",
    "Leases",
    "Link",
    "LinkLostError",
    "NoMore",
    "OpenWorkers",
    "Past",
    "Place",
    "Ready",
    "Reason",
    "Room",
    "Shares",
    "SlotUse",
    "StreamLink",
    "Tell",
    "ToCoordinator",
    "ToWorker",
    "Use",
    "WorkerDirectory",
    "WorkerEnd",
    "WorkerLink",
    "WorkerProcesses",
    "WorkerSession",
    "WorkerTerms",
    "WorkerUse",
    "worker_clock",
    "worker_directory",
]

__getattr__ = late(
    __name__,
    {
        "allotment": "Allotment",
        "coordinator": "CoordinatorSession",
        "crew": "Crew Foreman Hand OpenWorkers Place WorkerEnd WorkerLink",
        "dealer": "Dealer",
        "leases": "Leases",
        "link": "Link LinkLostError StreamLink",
        "messages": (
            "BLOCK_JOBS Anchor Begin Deal Done Give GivenJob Go Halt LaneCount NoMore Ready Reason "
            "Room Tell ToCoordinator ToWorker Use"
        ),
        "processes": "WorkerProcesses",
        "session": "CoordinatorLink WorkerDirectory WorkerSession worker_clock worker_directory",
        "shares": "Past Shares",
        "terms": "REPORT_S SHARE_LASTS_S SlotUse WorkerTerms WorkerUse",
    },
)
