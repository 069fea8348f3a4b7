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
# Dealing looks at what each worker has of each limit, at most so many of these per second: that is
# a twentieth of a core. Of a hundred workers with one limit it is each 20 ms, of a thousand each
# 0.2 s. Leases and cool-downs, which concern few, are told at once.
STAKES_PER_S = 10_000


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
        self._reported = set[Hashable]()  # since terms were last asked for
        self._deals_at_s = float("-inf")
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
        self._reported.discard(worker)
        self.shares.leave(worker, now_s, sent=sent)

    def report(self, worker: Hashable, use: WorkerUse, now_s: float) -> None:
        """Take in a worker's report; an older one than the last is let pass by."""
        link = self._links[worker]
        if use.number <= link.heard:
            return
        link.heard, link.applied = use.number, use.applied
        self._reported.add(worker)
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
        links, reported = self._links, self._reported
        self._reported = set()
        changed = self._deal(now_s)
        if self.leases is not None:
            changed.update(self.leases.untold())
        told = []
        for worker in list(links) if self._tell_all else changed | reported:
            link = links.get(worker)
            if link is None or not link.heard:
                continue  # it is gone, or not there yet
            if self._tell_all or worker in changed or self._renews(link, now_s):
                told.append((worker, self._terms_for(worker, link, now_s)))
        self._tell_all = False
        return told

    def _deal(self, now_s: float) -> set[Hashable]:
        """Deal shares, as often as there is time for that; whose are others now."""
        if now_s < self._deals_at_s:
            return set()
        links = self._links
        self._deals_at_s = now_s + len(links) * (1 + self.shares.pools) / STAKES_PER_S
        self.shares.expire(now_s)
        free = [w for w, link in links.items() if link.heard and link.applied == link.number]
        changed = self.shares.deal(free, now_s)
        for worker in changed:
            links[worker].number += 1
        return changed

    @staticmethod
    def _renews(link: _Link, now_s: float) -> bool:
        """Whether terms that were told are to be told again, to one that has reported since."""
        due = link.number != link.applied or now_s >= link.told_s + RENEW_S
        return due and link.heard > link.answered

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
