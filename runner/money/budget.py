"""What the run may spend: every attempt sets aside the most that it can cost before it is sent.

    spent (computed)  +  kept (bills unknown)  +  set aside (in flight)  <=  each ceiling

So the computed cost exceeds a ceiling by no more than what the answers that were in flight together
are billed beyond their own bounds; the first such answer stops a run that has a ceiling of the
user's. An attempt whose bill nobody knows, lost, cut off or failed, keeps its bound as spent.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from headrace.jobs import EXACT, BalanceReading, Job

from ..errors import RESUME, BeyondBoundError, MaxCostError, OutOfMoneyError
from ..notify import Notifier
from ..record import Totals


class Ceiling(NamedTuple):
    """The most that the run's attempts may come to, earlier sessions included.

    `whose` it is, and with its amount the `name`; `advice` says what to do once it is reached,
    `resets_at` when there is more; None where nobody knows.
    """

    whose: str
    name: str
    total: Decimal
    advice: str
    resets_at: datetime | None = None


class Budget:
    """Sets money aside for attempts, under the user's own ceiling and those that the account
    implies."""

    def __init__(self, totals: Totals, *, currency: str, ceiling: Ceiling | None = None) -> None:
        self.ceiling = ceiling
        self._totals = totals
        self.currency = currency
        self._ceilings: list[Ceiling] = []
        self._reserved = Decimal(0)
        self.unbounded = 0  # attempts in flight that nothing is set aside for
        self._changed = Notifier()
        self._mark: Decimal | None = None
        self._on_mark: Callable[[], None] | None = None
        # Asked before the run stops for want of room: whether there may be more by now.
        self.second_look: Callable[[Ceiling], Awaitable[bool]] | None = None
        self.set_account_ceilings([])

    def set_account_ceilings(self, ceilings: Sequence[Ceiling]) -> None:
        """Keep to these too, in the place of those that were implied before."""
        self._ceilings = [*ceilings, *self.own_ceilings]
        self._changed.notify_all()

    @property
    def own_ceilings(self) -> list[Ceiling]:
        """The user's own, where it is kept to here."""
        return [] if self.ceiling is None else [self.ceiling]

    @property
    def tightest(self) -> Ceiling | None:
        """Of all ceilings, the one that is reached first."""
        return tightest(self._ceilings)

    @property
    def reserved(self) -> Decimal:
        """Set aside for what is in flight."""
        return self._reserved

    @property
    def taken(self) -> Decimal:
        """Spent, kept, and set aside."""
        totals = self._totals
        return EXACT.add(EXACT.add(totals.spent, totals.kept), self._reserved)

    @property
    def room(self) -> Decimal | None:
        """What can be set aside beside all that is taken, below 0 where a ceiling was lowered; None
        where nothing limits it."""
        over = self.tightest
        return None if over is None else EXACT.subtract(over.total, self.taken)

    def tell_at(self, mark: Decimal, on_mark: Callable[[], None]) -> None:
        """Call `on_mark`, once, when what is spent and kept has come to `mark`."""
        self._mark, self._on_mark = mark, on_mark

    def has_room(self, bound: Decimal) -> bool:
        """Whether `bound` can be set aside now."""
        return not bound or self._over(bound) is None

    async def until_room(self, bound: Decimal) -> None:
        """Wait for attempts in flight to give back what they don't use, until `bound` fits.

        Raises OutOfMoneyError where it doesn't fit although nothing is in flight.
        """
        while bound and (over := self._over(bound)) is not None:
            if self._reserved:
                await self._changed.wait()
            elif self.second_look is None or not await self.second_look(over):
                if self._reserved or (over := self._over(bound)) is None:
                    continue  # another lane was let out meanwhile, or there is more by now
                kind = MaxCostError if over is self.ceiling else OutOfMoneyError
                raise kind(self._words(over, bound), resets_at=over.resets_at)

    def reserve(self, bound: Decimal | None) -> None:
        """Set `bound` aside, for which there is room; None where nothing bounds the attempt."""
        if bound is None:
            self.unbounded += 1
        else:
            self._reserved = EXACT.add(self._reserved, bound)

    def _over(self, bound: Decimal) -> Ceiling | None:
        """The ceiling that setting `bound` aside would go beyond first."""
        if not self._ceilings:
            return None
        taken = EXACT.add(self.taken, bound)
        return tightest([each for each in self._ceilings if taken > each.total])

    def release(self, bound: Decimal | None) -> None:
        """The attempt for which `bound` was set aside has ended, and its record is written."""
        if bound is None:
            self.unbounded -= 1
        else:
            self._reserved = EXACT.subtract(self._reserved, bound)
        self._changed.notify_all()
        if self._mark is not None and self._totals.spent + self._totals.kept >= self._mark:
            self._mark, on_mark = None, self._on_mark
            assert on_mark is not None
            on_mark()

    def kept_fell(self) -> None:
        """Less is kept than before: whoever waits for room looks again."""
        self._changed.notify_all()

    def beyond_bound(
        self, job: Job, cost: Decimal, bound: Decimal | None
    ) -> BeyondBoundError | None:
        """Why the run must stop: an answer costs more than was set aside for it, and the user's
        ceiling relies on that. None where it doesn't."""
        if self.ceiling is None or bound is None or cost <= bound:
            return None
        return BeyondBoundError(
            f"{_shown(job.custom_id)} costs {show_amount(cost)} {self.currency} by its own usage, "
            f"more than the {show_amount(bound)} that it could cost by its body and the price "
            f"file, so --max-cost can't be kept; see what the service does with max_tokens and n, "
            f"set max_input_tokens and max_output_tokens of {job.model!r} in the price file, or "
            "run without --max-cost"
        )

    def _words(self, over: Ceiling, bound: Decimal) -> str:
        spent, kept = self._totals.spent, self._totals.kept
        unknown = (
            f" and {show_amount(kept)} kept for attempts whose bill is unknown" if kept else ""
        )
        return (
            f"the next job may cost up to {show_amount(bound)} {self.currency}, and with "
            f"{show_amount(spent)} spent{unknown} that goes beyond {over.name}; "
            f"{over.advice}{RESUME}"
        )


def _shown(custom_id: str) -> str:
    return f"job {custom_id!r}" if len(custom_id) <= 80 else f"job {custom_id[:80]!r}..."


def show_amount(amount: Decimal) -> str:
    """An amount without the zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def max_cost_ceiling(limit: Decimal, currency: str) -> Ceiling:
    name = f"--max-cost {show_amount(limit)} {currency}"
    return Ceiling("--max-cost", name, limit, "raise --max-cost")


def ceilings_from(
    reading: BalanceReading, *, taken: Decimal, currency: str, when: str
) -> list[Ceiling]:
    """What a reading of the account allows from now on; nothing where it says nothing that helps.

    `taken` is what the run had taken out of what the reading shows, `when` it was made, in words.
    """
    if reading.currency != currency:
        return []
    ceilings = []
    sources: list[tuple[str, Decimal | None, str, datetime | None]] = [
        ("the balance", reading.balance, "top up", None)
    ]
    for period, budget in reading.budgets.items():
        resets_at = budget.reset_at
        wait = "wait for its reset" if resets_at is None else f"wait until {resets_at.isoformat()}"
        sources.append((f"the key's {period} budget", budget.remaining, wait, resets_at))
    for whose, left, advice, resets_at in sources:
        if left is None:
            continue
        total = EXACT.add(taken, max(left, Decimal(0)))
        name = f"{whose}, which had {show_amount(left)} {currency} left {when}"
        ceilings.append(Ceiling(whose, name, total, f"{advice} or give --yes", resets_at))
    return ceilings


def tightest(ceilings: Sequence[Ceiling]) -> Ceiling | None:
    """The one that is reached first."""
    return min(ceilings, key=lambda each: each.total, default=None)
