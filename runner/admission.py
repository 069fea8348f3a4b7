"""Admission: an attempt may leave once its lane, its money and a slot are there together.

What waits here holds neither a slot nor a connection, so a lane that waits holds up no other.
"""

from decimal import Decimal

from headrace.jobs import Job, Sent, TokenEstimator

from .clock import RunClock
from .limits import Concurrency, Grant, Lane, Lanes
from .money import Budget
from .pending import Pending
from .transport import Wire


class InFlight:
    """One attempt under way: its job and lane, what was reserved for it, and what the wire says.

    `number` counts a job's attempts from 1; `due_s` is when it was due, on trio's clock; `sent` is
    the record of its leaving, None until then.
    """

    __slots__ = (
        "due_s",
        "grant",
        "job",
        "lane",
        "number",
        "pending",
        "reserved_tokens",
        "sent",
        "wire",
    )

    def __init__(
        self, pending: Pending, lane: Lane, grant: Grant, *, reserved_tokens: int, due_s: float
    ) -> None:
        self.pending = pending
        self.job = pending.job
        self.number = pending.made + 1
        self.lane = lane
        self.grant = grant
        self.reserved_tokens = reserved_tokens
        self.due_s = due_s
        self.sent: Sent | None = None
        self.wire = Wire()


class Admission:
    """Lets attempts out. Each part belongs to the caller; `budget` is None without prices."""

    def __init__(
        self,
        *,
        lanes: Lanes,
        concurrency: Concurrency,
        budget: Budget | None,
        estimator: TokenEstimator,
        clock: RunClock,
    ) -> None:
        self.lanes = lanes
        self.concurrency = concurrency
        self.budget = budget
        self.estimator = estimator
        self._clock = clock

    async def admit(self, pending: Pending, due_s: float | None) -> InFlight:
        """Wait until the next attempt at a job may leave; it must be made at once.

        One task per lane calls this, so order is kept within a lane.

        Args:
            pending: the job.
            due_s: when its queue wanted it to leave; None for when its lane lets it.

        Raises:
            OutOfMoneyError: the budget has no room for it, whatever comes back.
        """
        lane = self.lanes.of(pending.job.model)
        while (flight := self.admit_now(pending, due_s)) is None:
            await lane.until_ready(lambda: self._need_tokens(pending.job, lane))
            if self.budget is not None:
                await self.budget.until_room(pending.cost_bound or Decimal(0))
            await self.concurrency.until_room()
        return flight

    def admit_now(self, pending: Pending, due_s: float | None) -> InFlight | None:
        """As `admit`, where nothing holds the attempt back; None where something does.

        Its lane, its money and a slot are acquired all or none: nobody holds one of them while it
        waits for another.
        """
        bound = pending.cost_bound
        if not self.concurrency.has_room:
            return None
        if self.budget is not None and bound is not None and not self.budget.has_room(bound):
            return None
        lane = self.lanes.of(pending.job.model)
        tokens = self._need_tokens(pending.job, lane)
        now_s = self._clock.now()
        if (grant := lane.take(now_s, tokens)) is None:
            return None
        if self.budget is not None:
            self.budget.reserve(bound)
        self.concurrency.take(now_s)
        due_s = now_s if due_s is None else due_s
        return InFlight(pending, lane, grant, reserved_tokens=tokens, due_s=due_s)

    def ended(self, flight: InFlight, *, overloaded: bool) -> None:
        """Give back an attempt's money. It keeps its slot until `concurrency.release`."""
        if self.budget is not None:
            self.budget.release(flight.pending.cost_bound)
        self.concurrency.ended(
            sent_at_s=flight.wire.sent_at_s, overloaded=overloaded, now_s=self._clock.now()
        )

    def _need_tokens(self, job: Job, lane: Lane) -> int:
        """What a job reserves. Never more than a minute's worth: it could not leave at all."""
        tokens = self.estimator.reserve(job)
        most = lane.limiter.largest_tokens
        # Not min(): a call more for each look at each job, and None has to be told apart anyway.
        return tokens if most is None or tokens < most else most
