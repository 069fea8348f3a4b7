"""The budget of one worker of several: attempts are paid from a lease, and more of it is asked for.

The coordinator has the ceilings. A worker sets aside each attempt's bound inside what was lent to
it, asks for more beforehand, and gives back what it has not set aside where it is asked to.
"""

from collections.abc import Callable
from decimal import Decimal

from headrace.jobs import EXACT

from ..errors import OutOfMoneyError
from ..record import Totals
from .budget import Budget, Ceiling
from .lease import ZERO, Lease, LeaseUse

# More is asked for in blocks: at first of so many times the next bound. Where one has not lasted
# for as long as this, the next is as much larger as it takes, but at most so many times: it may
# have been short for other reasons, too.
FIRST_BLOCK = 64
BLOCK_LASTS_S = 1.0
GROWTH_MAX = 8


class LeasedBudget(Budget):
    """As a budget for admission and attempts; `ceiling` is the user's own, by which a bill beyond
    its bound stops the run, and which the coordinator keeps to.

    `on_news` is called when more is wanted, at once; `use` is what to report.
    """

    on_news: Callable[[], None] | None = None

    def __init__(self, totals: Totals, *, currency: str, ceiling: Ceiling | None = None) -> None:
        super().__init__(totals, currency=currency, ceiling=ceiling)
        self._spent_before, self._kept_before = totals.spent, totals.kept
        self._lease = Lease()
        self._back = ZERO
        self._needs: list[Decimal] = []  # bounds that wait for more
        self._block = ZERO
        self._asked_s = float("-inf")
        self._asks = False  # for more, until it is there
        self._sized = False  # the block that is asked for

    @property
    def spare(self) -> Decimal:
        """Lent, and not set aside, spent or kept; below 0 where answers cost more than their
        bounds."""
        totals = self._totals
        before = EXACT.add(self._spent_before, self._kept_before)
        used = EXACT.subtract(EXACT.add(totals.spent, totals.kept), before)
        return EXACT.subtract(
            EXACT.subtract(self._lease.lent, self._back), EXACT.add(used, self._reserved)
        )

    def has_room(self, bound: Decimal) -> bool:
        """Whether `bound` can be set aside now."""
        return not bound or bound <= self.spare

    async def until_room(self, bound: Decimal) -> None:
        """Wait until so much is lent. Raises OutOfMoneyError where the coordinator has no more,
        nobody holds any, and nothing that is in flight can give any back."""
        if self.has_room(bound):
            return
        self.ask_for(bound)
        try:
            while bound > self.spare:
                if self._lease.refused is not None:
                    raise OutOfMoneyError(self._lease.refused, resets_at=self._lease.resets_at)
                await self._changed.wait()
        finally:
            self._needs.remove(bound)

    def ask_for(self, bound: Decimal) -> None:
        """Report from now on that the next attempt needs so much."""
        self._needs.append(bound)
        self._ask()

    def reserve(self, bound: Decimal | None) -> None:
        """Set `bound` aside; where little is left, more is asked for before it is needed."""
        super().reserve(bound)
        if bound and not self._asks and self.spare < self._block / 2:
            self._ask()

    def _ask(self) -> None:
        if not self._asks:
            self._asks, self._sized = True, False
        if self.on_news is not None:
            self.on_news()

    def use(self, now_s: float) -> LeaseUse:
        """What to report at `now_s`. What is spare is given back where more is waited for: so the
        coordinator knows of all that nobody uses."""
        need = min(self._needs, default=None)
        if need is not None and need <= self.spare:
            need = None  # lent meanwhile, and not taken yet
        if self._asks and not self._sized:
            self._size_block(need, now_s)
        if need is not None:
            self._give_back()
            need = EXACT.subtract(need, min(self.spare, ZERO))
        totals = self._totals
        return LeaseUse(
            spent=EXACT.subtract(totals.spent, self._spent_before),
            kept=EXACT.subtract(totals.kept, self._kept_before),
            reserved=self._reserved,
            back=self._back,
            need=need,
            want=self._block if self._asks else ZERO,
            lent=self._lease.lent,
            recall=self._lease.recall,
            unbounded=self.unbounded,
            unaccounted=totals.unaccounted,
        )

    def _size_block(self, need: Decimal | None, now_s: float) -> None:
        if need is not None and FIRST_BLOCK * need > self._block:
            self._block = FIRST_BLOCK * need
        elif (lasted_s := now_s - self._asked_s) < BLOCK_LASTS_S:
            larger = min(GROWTH_MAX, max(2, int(BLOCK_LASTS_S / max(lasted_s, 1e-3))))
            self._block = EXACT.multiply(self._block, larger)
        self._asked_s, self._sized = now_s, True

    def take(self, lease: Lease) -> None:
        """What the coordinator answered. A recall gives back at once what is not set aside; the
        report that must follow says so."""
        if lease.lent < self._lease.lent or lease.recall < self._lease.recall:
            return  # an older one, that came late
        recalled = lease.recall > self._lease.recall
        if lease.lent > self._lease.lent:
            self._asks = False
            # Where less than that is to be had, half of it is where to ask again: or the asks would
            # follow each other until one worker has all of it.
            self._block = min(self._block, EXACT.subtract(lease.lent, self._lease.lent))
        self._lease = lease
        if recalled:
            self._asks = bool(self._needs)
            # What was lent for an attempt that waits is kept for it: or two workers could take it
            # from each other for ever.
            self._give_back(keep=min(self._needs, default=ZERO))
            if self.on_news is not None:
                self.on_news()
        self._changed.notify_all()

    def _give_back(self, keep: Decimal = ZERO) -> None:
        """Give back what is spare, but for `keep` where there is so much."""
        spare = self.spare
        if spare >= keep:
            spare = EXACT.subtract(spare, keep)
        if spare > 0:
            self._back = EXACT.add(self._back, spare)
