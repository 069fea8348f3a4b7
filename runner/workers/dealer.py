"""The coordinator's side of limits and money: takes reports, and says what to tell the workers.

Whoever owns the links calls `report` with what came, and sends what `terms` gives: each `REPORT_S`,
and soon after `on_news`.
"""

from collections.abc import Callable, Hashable, Sequence

from .leases import Leases
from .shares import Past, Shares
from .terms import WorkerTerms, WorkerUse

# How often terms that have not changed are told again, so that they don't run out.
RENEW_S = 3.0
# A cool-down that grows by no more than what messages take is not told anew.
SAME_HOLD_S = 0.5


class _Link:
    """What went to and fro between the coordinator and one worker."""

    __slots__ = ("answered", "applied", "heard", "number", "told_s")

    def __init__(self) -> None:
        self.number = 0  # of the terms that differ
        self.applied = 0  # of those in force, as it said
        self.heard = 0  # its last report
        self.answered = 0
        self.told_s = float("-inf")


class Dealer:
    """`leases` is None without prices. Workers are named by whatever the caller calls them."""

    on_news: Callable[[], None] | None = None

    def __init__(self, shares: Shares, leases: Leases | None) -> None:
        self.shares = shares
        self.leases = leases
        self._links: dict[Hashable, _Link] = {}
        self._tell_all = False
        if leases is not None:
            leases.on_news = self._news

    def _news(self) -> None:
        if self.on_news is not None:
            self.on_news()

    def join(self, worker: Hashable) -> None:
        """A worker is there. It is dealt something once it has reported."""
        self._links[worker] = _Link()
        self.shares.join(worker)
        if self.leases is not None:
            self.leases.join(worker)

    def leave(
        self, worker: Hashable, now_s: float, *, sent: Sequence[tuple[str, Past]] | None = None
    ) -> None:
        """A worker sends nothing any more: its share comes back as in `Shares.leave`. Its money
        stays lent until `leases.lost` says what became of it."""
        del self._links[worker]
        self.shares.leave(worker, now_s, sent=sent)

    def report(self, worker: Hashable, use: WorkerUse, now_s: float) -> None:
        """Take in a worker's report; an older one than the last is let pass by."""
        link = self._links[worker]
        if use.number <= link.heard:
            return
        link.heard, link.applied = use.number, use.applied
        held = [lane.hold_until_s for lane in self.shares.lanes]
        acknowledged = link.applied == link.number
        self.shares.report(worker, use.lanes, use.slots, acknowledged=acknowledged, now_s=now_s)
        for lane, before_s in zip(self.shares.lanes, held, strict=True):
            if lane.hold_until_s > max(before_s, now_s) + SAME_HOLD_S:
                self._tell_all = True
                self._news()
        if self.leases is not None and use.money is not None:
            self.leases.report(worker, use.money, now_s=now_s)

    def terms(self, now_s: float) -> list[tuple[Hashable, WorkerTerms]]:
        """Deal, and say who is to be told what; the caller sends all of it."""
        self.shares.expire(now_s)
        links = self._links
        free = [w for w, link in links.items() if link.heard and link.applied == link.number]
        changed = self.shares.deal(free, now_s)
        for worker in changed:
            links[worker].number += 1
        if self.leases is not None:
            changed.update(self.leases.untold())
        told = []
        for worker, link in links.items():
            due = link.number != link.applied or now_s >= link.told_s + RENEW_S
            renews = due and link.heard > link.answered
            if link.heard and (self._tell_all or renews or worker in changed):
                told.append((worker, self._terms_for(worker, link, now_s)))
        self._tell_all = False
        return told

    def _terms_for(self, worker: Hashable, link: _Link, now_s: float) -> WorkerTerms:
        if link.heard > link.answered:
            self.shares.answered(worker, now_s)
        link.answered, link.told_s = link.heard, now_s
        return WorkerTerms(
            number=link.number,
            answers=link.heard,
            lanes=self.shares.lanes_of(worker, now_s),
            slots=self.shares.slots_of(worker),
            money=None if self.leases is None else self.leases.hand_out(worker),
        )
