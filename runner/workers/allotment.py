"""A worker's side of limits and money: what its session may send, and what it says of that.

Whoever owns the link sends what `report` gives, each `REPORT_S` and soon after `on_news`, and hands
what comes back to `take`.
"""

from collections.abc import Callable
from typing import cast

from ..limits import Concurrency, Lanes, SharedLane
from ..money import LeasedBudget
from .terms import SHARE_LASTS_S, SlotUse, WorkerTerms, WorkerUse


class Allotment:
    """Sets the limits of `lanes`, which are SharedLanes, the slots of `concurrency` where their
    number is fixed, and the lease of `budget`, None without prices. Nothing leaves before the first
    terms."""

    def __init__(
        self,
        lanes: Lanes,
        concurrency: Concurrency,
        budget: LeasedBudget | None,
        *,
        on_news: Callable[[], None],
    ) -> None:
        self._lanes = [cast(SharedLane, lane) for lane in lanes]
        self._concurrency = concurrency
        self._budget = budget
        self._shares_slots = concurrency.is_fixed
        if self._shares_slots:
            concurrency.set_fixed(0)
        for lane in self._lanes:
            lane.on_news = on_news
        if budget is not None:
            budget.on_news = on_news
        self._reports = 0
        self._applied = 0
        self._sent_s: dict[int, float] = {}  # reports that are not answered yet
        self._until_s = float("-inf")
        self._lapsed_at = 1  # the first report since the terms ran out: older answers are void
        self._in_force = False

    def report(self, now_s: float) -> WorkerUse:
        """What is held, used and waited for at `now_s`; the caller sends it at once."""
        self._reports += 1
        lapsed = now_s >= self._until_s
        if lapsed and self._in_force:
            self._lapsed_at, self._in_force = self._reports, False
        self._sent_s[self._reports] = now_s
        slots = self._concurrency
        return WorkerUse(
            number=self._reports,
            applied=self._applied,
            lanes=[lane.use(now_s) for lane in self._lanes],
            slots=SlotUse(
                held=max(slots.limit, slots.in_flight),
                in_flight=slots.in_flight,
                waits=bool(slots.waiting) and not slots.has_room,
            )
            if self._shares_slots
            else None,
            money=None if self._budget is None else self._budget.use(now_s),
            lapsed=lapsed,
        )

    def take(self, terms: WorkerTerms, now_s: float) -> None:
        """Keep to these from now on. What answers a report from before the last terms ran out is
        void: the coordinator deals again what it says."""
        if self._budget is not None and terms.money is not None:
            self._budget.take(terms.money)
        if terms.answers < self._lapsed_at or terms.number < self._applied:
            return
        sent_s = self._sent_s.get(terms.answers)
        for number in [each for each in self._sent_s if each < terms.answers]:
            del self._sent_s[number]
        if sent_s is not None:
            self._until_s = sent_s + SHARE_LASTS_S
        self._applied, self._in_force = terms.number, True
        for lane, share in zip(self._lanes, terms.lanes, strict=True):
            lane.set_share(share, now_s=now_s, until_s=self._until_s)
        if terms.slots is not None:
            self._concurrency.set_fixed(terms.slots)
