"""One ceiling of money, lent out to workers. The coordinator's side; `LeasedBudget` is a worker's.

    spent  +  kept  +  leases  <=  each ceiling        after every event, as far as it was so before

A lease is what was lent to a worker and is neither given back nor known to be spent or kept, and at
least the bounds of its answers that are out. The coordinator's own Budget has the sum of leases set
aside, so its ceilings, its watch over the account and its words hold for all workers together.

Nothing is refused while another worker holds spare money: an ask that doesn't fit calls back all
that is not set aside, and waits for what is in flight, as one process would.
"""

from collections.abc import Callable, Hashable, Iterator
from decimal import ROUND_FLOOR, Context, Decimal

import msgspec

from headrace.jobs import EXACT

from ..errors import OutOfMoneyError
from ..money import Budget, Lease, LeaseUse
from ..notify import Notifier
from ..record import Totals

ZERO = Decimal(0)
SMALLEST = Decimal("1e-12")
# No worker is lent more beyond its need than this part of its even share of what is left: so all of
# them find some, to the last.
SPARE_PART = 4
_FLOOR = Context(prec=100, rounding=ROUND_FLOOR)


class _Account:
    """What one worker was told and said."""

    __slots__ = ("asked", "lease", "open", "use", "worker")

    def __init__(self, worker: Hashable) -> None:
        self.worker = worker
        self.lease = Lease()
        self.use = LeaseUse()
        self.open = ZERO  # set aside for it in the budget
        self.asked = 0  # which ask of all it made last


class Leases:
    """Lends what `budget` has room for. It alone moves `totals.spent`, `.kept`, `.unbilled_s` and
    `.unaccounted` and the budget's reservations, by what the workers report.

    `on_news` is called when a lease is to be told at once. `serve` is a task for the coordinator's
    nursery.
    """

    on_news: Callable[[], None] | None = None

    def __init__(self, budget: Budget, totals: Totals) -> None:
        self._budget = budget
        self._totals = totals
        self._accounts: dict[Hashable, _Account] = {}
        self._asks = 0
        self._waiting: dict[Hashable, _Account] = {}  # in the order of their asks
        self._untold: dict[Hashable, None] = {}  # whose lease was not handed out
        self._refusal: OutOfMoneyError | None = None
        self._changed = Notifier()

    def join(self, worker: Hashable) -> None:
        """A worker is there, with nothing lent to it."""
        self._accounts[worker] = _Account(worker)

    def report(self, worker: Hashable, use: LeaseUse, *, now_s: float) -> None:
        """Take in what a worker did with its money; what it asks for is dealt at once."""
        account = self._accounts[worker]
        self._count(account, use, now_s)
        knows = use.lent == account.lease.lent  # else what it asks for is on its way
        if use.need is None or not knows:
            self._waiting.pop(worker, None)
        elif worker not in self._waiting:
            self._asks += 1
            account.asked = self._asks
            self._waiting[worker] = account
            if self._refusal is not None:
                self._refuse(account, self._refusal)
        self._deal()
        if use.want and use.need is None and knows:
            self._lend(account, ZERO, use.want)
        self._changed.notify_all()

    def lost(
        self, worker: Hashable, use: LeaseUse, *, now_s: float, unseen_beside: Decimal | None = None
    ) -> Decimal:
        """A worker is gone, and this is what its journal says; the bounds of what was in flight are
        in `kept`, or in that of the totals already. Until then all that was lent stays lent.

        `unseen_beside` is the sum of those bounds where something else may have been sent as well,
        since the machine went with the end of its journal. Then all that the worker had left of its
        lease is kept. Returns what that is beyond those bounds.
        """
        account = self._accounts.pop(worker)
        self._waiting.pop(worker, None)
        self._untold.pop(worker, None)
        # What it had in flight without a bound is counted by who records it as lost.
        unknown = max(use.unaccounted, account.use.unaccounted)
        self._count(account, msgspec.structs.replace(use, unaccounted=unknown), now_s)
        unseen = ZERO
        if unseen_beside is not None:
            unseen = max(ZERO, EXACT.subtract(account.open, unseen_beside))
            self._totals.kept = EXACT.add(self._totals.kept, unseen)
            self._totals.unbilled_s = now_s
        self._set_aside(account, ZERO)
        self._deal()
        self._changed.notify_all()
        return unseen

    def _count(self, account: _Account, use: LeaseUse, now_s: float) -> None:
        """What moved from the lease into what is spent, kept, or nobody's."""
        totals, before = self._totals, account.use
        totals.spent = EXACT.add(totals.spent, EXACT.subtract(use.spent, before.spent))
        totals.kept = EXACT.add(totals.kept, EXACT.subtract(use.kept, before.kept))
        totals.unaccounted += use.unaccounted - before.unaccounted
        self._budget.unbounded += use.unbounded - before.unbounded
        if use.kept != before.kept:
            totals.unbilled_s = now_s
        account.use = use
        self._set_aside(account, _open(account.lease.lent, use))

    def _rise(self, account: _Account, amount: Decimal) -> Decimal:
        """What lending so much more sets aside. It is less where bills beyond their bounds are paid
        from it: these count as spent already."""
        return EXACT.subtract(
            _open(EXACT.add(account.lease.lent, amount), account.use), account.open
        )

    def _set_aside(self, account: _Account, amount: Decimal) -> None:
        rise, account.open = EXACT.subtract(amount, account.open), amount
        if rise > 0:
            self._budget.reserve(rise)
        else:
            self._budget.release(-rise)

    def _deal(self) -> None:
        """Lend what is waited for, in the order of the asks; where the first doesn't fit, call back
        what others don't use."""
        for account in list(self._waiting.values()):
            need = account.use.need
            assert need is not None
            if not self._budget.has_room(self._rise(account, need)):
                self._recall(account)
                return
            self._lend(account, need, account.use.want)

    def _lend(self, account: _Account, need: Decimal, want: Decimal) -> None:
        room = self._budget.room
        if room is None:
            amount = max(need, want)
        else:
            beyond = EXACT.subtract(room, self._rise(account, need))
            part = _FLOOR.divide(beyond, Decimal(SPARE_PART * len(self._accounts)))
            spare = max(ZERO, _FLOOR.quantize(part, SMALLEST))
            amount = EXACT.add(need, min(max(ZERO, want - need), spare))
        if amount <= 0:
            return
        self._waiting.pop(account.worker, None)
        lent = EXACT.add(account.lease.lent, amount)
        self._set_aside(account, _open(lent, account.use))
        self._tell(account, Lease(lent, account.lease.recall))

    def _recall(self, asking: _Account | None) -> None:
        """Ask back what is not set aside of all but who asks: that one gave it back already."""
        for account in self._accounts.values():
            obeyed = account.use.recall == account.lease.recall
            if account is not asking and obeyed and account.open > account.use.reserved:
                lease = account.lease
                self._tell(account, Lease(lease.lent, lease.recall + 1, lease.refused))

    def keep_below(self) -> None:
        """Call this where a ceiling was lowered: what is lent beyond it and not set aside comes
        back."""
        room = self._budget.room
        if room is not None and room < 0:
            self._recall(None)

    async def serve(self) -> None:
        """Wait for room for whoever asks; where there is none although nothing is out, refuse.
        Until cancelled."""
        while True:
            first = next(iter(self._waiting.values()), None)
            if first is None or self._refusal is not None:
                await self._changed.wait()
                continue
            assert first.use.need is not None
            asked = first.asked, first.use.need
            try:
                await self._budget.until_room(self._rise(first, first.use.need))
            except OutOfMoneyError as error:
                if self._still_asks(first, asked):
                    self._refusal = error
                    for account in list(self._waiting.values()):
                        self._refuse(account, error)
            else:
                self._deal()
            if self._still_asks(first, asked):
                await self._changed.wait()

    def _still_asks(self, account: _Account, asked: tuple[int, Decimal]) -> bool:
        waits = self._waiting.get(account.worker) is account
        return waits and asked == (account.asked, account.use.need)

    def _refuse(self, account: _Account, error: OutOfMoneyError) -> None:
        lease = account.lease
        self._waiting.pop(account.worker, None)
        self._tell(account, Lease(lease.lent, lease.recall, error.message, error.resets_at))

    def _tell(self, account: _Account, lease: Lease) -> None:
        account.lease = lease
        self._untold[account.worker] = None
        if self.on_news is not None:
            self.on_news()

    def untold(self) -> Iterator[Hashable]:
        """Whose lease is another than what was handed out last."""
        return iter(self._untold)

    def hand_out(self, worker: Hashable) -> Lease:
        """The lease as it is now; the caller sends it."""
        self._untold.pop(worker, None)
        return self._accounts[worker].lease


def _open(lent: Decimal, use: LeaseUse) -> Decimal:
    """What a worker that was lent so much may still spend, by what it last said."""
    left = EXACT.subtract(EXACT.subtract(lent, use.back), EXACT.add(use.spent, use.kept))
    return max(left, use.reserved)
