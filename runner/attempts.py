"""Attempts: each is let out by its lane, sent, judged, and recorded, whatever schedule it is of.

A dispatcher calls `admit` for a job of its schedule, and then `make` in another task. What waits in
`admit` holds neither slot nor connection; an attempt keeps its slot until its record is written.
"""

from decimal import Decimal
from functools import partial
from typing import NamedTuple, Protocol

import msgspec
import trio

from headrace.jobs import (
    HeadraceError,
    Job,
    PriceTable,
    Result,
    Sent,
    TokenEstimator,
    Usage,
)

from .client import Client, Outcome
from .clock import RunClock
from .images import Pictures, links_in
from .limits import Concurrency, Grant, Lane, Lanes
from .money import Account, Budget, Refusals
from .pending import Pending
from .record import Recorder
from .retries import Failure, RetryPolicy
from .rows import NO_USAGE, Made, attempt_row, probable_cost_of, result_row, sent_row, usage_of
from .stop import Stop
from .transport import Wire


class HaltedError(Exception):
    """The run stopped while the attempt was connecting: not a byte of it was sent."""


class Schedule(Protocol):
    """Where a job that was taken goes once its attempt has ended."""

    def retry(self, pending: Pending, ready_s: float) -> None:
        """It is to be sent again, no earlier than `ready_s` on trio's clock."""

    def done(self, pending: Pending, result: Result | None) -> None:
        """It will not come back: it has its result, or the run stops and it has none."""


class Flight:
    """One attempt under way: its job and lane, what was set aside for it, and when it was due.

    `sent` is the record of its leaving, None until then.
    """

    __slots__ = ("due_s", "grant", "job", "lane", "pending", "reserved_tokens", "sent", "wire")

    def __init__(
        self, pending: Pending, lane: Lane, grant: Grant, *, reserved_tokens: int, due_s: float
    ) -> None:
        self.pending = pending
        self.job = pending.job
        self.lane = lane
        self.grant = grant
        self.reserved_tokens = reserved_tokens
        self.due_s = due_s
        self.sent: Sent | None = None
        self.wire = Wire()


class Parts(NamedTuple):
    """What attempts are made with; each part belongs to the caller."""

    client: Client
    account: Account
    lanes: Lanes
    concurrency: Concurrency
    policy: RetryPolicy
    refusals: Refusals
    estimator: TokenEstimator
    recorder: Recorder
    prices: PriceTable | None
    budget: Budget | None  # None without prices
    pictures: Pictures
    clock: RunClock
    stop: Stop


class Attempts:
    """Makes the attempts of one schedule."""

    def __init__(self, parts: Parts, schedule: Schedule) -> None:
        self._parts = parts
        self._schedule = schedule

    async def admit(self, pending: Pending, due_s: float | None) -> Flight:
        """Wait until the next attempt at a job may leave; `make` must follow at once.

        `due_s` is when the schedule wanted it to leave, None for when its lane lets it. One task a
        lane calls this, so order is kept within a lane.

        Raises OutOfMoneyError where the budget has no room for it, whatever comes back.
        """
        parts = self._parts
        lane = parts.lanes.of(pending.job.model)
        while (flight := self.admit_now(pending, due_s)) is None:
            await lane.until_ready(lambda: self._need_tokens(pending.job, lane))
            if parts.budget is not None:
                await parts.budget.until_room(pending.cost_bound or Decimal(0))
            await parts.concurrency.until_room()
        return flight

    def admit_now(self, pending: Pending, due_s: float | None) -> Flight | None:
        """As `admit`, where nothing holds the attempt back; None where something does.

        Its lane, its money and a slot are had together or not at all, so that no one of them is
        held while another is waited for.
        """
        parts = self._parts
        bound = pending.cost_bound
        if not parts.concurrency.has_room:
            return None
        if parts.budget is not None and bound is not None and not parts.budget.has_room(bound):
            return None
        lane = parts.lanes.of(pending.job.model)
        tokens = self._need_tokens(pending.job, lane)
        now_s = parts.clock.now()
        if (grant := lane.take(now_s, tokens)) is None:
            return None
        if parts.budget is not None and bound is not None:
            parts.budget.reserve(bound)
        parts.concurrency.take(now_s)
        due_s = now_s if due_s is None else due_s
        return Flight(pending, lane, grant, reserved_tokens=tokens, due_s=due_s)

    def _need_tokens(self, job: Job, lane: Lane) -> int:
        """What a job reserves. Never more than a minute's worth: it could not leave at all."""
        tokens = self._parts.estimator.reserve(job)
        tpm = lane.limiter.tpm
        return tokens if tpm is None or tokens < tpm else tpm

    def _sent(self, flight: Flight, sent_s: float) -> None:
        """Called just before the first byte leaves: from here on the attempt may be billed."""
        parts, pending = self._parts, flight.pending
        if parts.stop.reason is not None:
            raise HaltedError
        record = sent_row(
            flight.job,
            parts.clock,
            number=pending.made + 1,
            due_s=flight.due_s,
            sent_s=sent_s,
            reserved_tokens=flight.reserved_tokens,
            cost_bound=pending.cost_bound,
            reopened=pending.replaces is not None,
        )
        parts.recorder.sent(record)
        flight.sent = record
        flight.lane.sent += 1

    async def make(self, flight: Flight) -> None:
        """Send it, and see to what follows; the caller gives its slot back. Cancelled, it leaves a
        row where it was sent."""
        parts, wire = self._parts, flight.wire
        wire.on_sent = partial(self._sent, flight)
        failure: Failure | None = None
        concluded = False
        try:
            outcome = await parts.client.send(flight.job, wire)
            failure = outcome.failure
            if outcome.ratelimit_limit is not None:
                flight.lane.heard(outcome.ratelimit_limit)
            if parts.pictures.concern(flight.job, outcome):
                concluded = True
                await self._picture(flight, outcome)
            elif outcome.answer is not None:
                self._answered(flight, outcome)
            else:
                # Shielded: an answer that came is recorded, whatever stops the run meanwhile.
                with trio.CancelScope(shield=True):
                    await self._failed(flight, outcome)
        except HaltedError:
            self._schedule.done(flight.pending, None)
        except HeadraceError as error:
            self._schedule.done(flight.pending, None)
            parts.stop.request(error)
        except trio.Cancelled:
            if flight.sent is not None and not concluded:
                made = self._made(flight, Outcome(), NO_USAGE)
                row = attempt_row(made, parts.clock, error_kind="cancelled")
                try:
                    parts.recorder.ended(row, None)
                except HeadraceError as error:
                    parts.stop.request(error)
            raise
        finally:
            wire.on_sent = None  # holds the flight, which holds the wire: a cycle for the collector
            if parts.budget is not None and flight.pending.cost_bound is not None:
                parts.budget.release(flight.pending.cost_bound)
            parts.concurrency.ended(
                sent_at_s=wire.sent_at,
                overloaded=failure is not None and failure.of_load,
                now_s=parts.clock.now(),
            )

    def _made(self, flight: Flight, outcome: Outcome, usage: Usage) -> Made:
        parts, job, pending = self._parts, flight.job, flight.pending
        pending.begin(flight.due_s)
        cost: Decimal | None = None
        probable: Decimal | None = None
        if parts.prices is not None:
            if outcome.answer is not None:
                cost = parts.prices.cost(job.model, usage)
            elif outcome.partial is not None:
                probable = probable_cost_of(
                    job,
                    outcome,
                    parts.prices,
                    input_tokens=parts.estimator.likely_input_tokens(job),
                    bound=pending.cost_bound,
                )
        return Made(
            job,
            pending.made,
            flight.due_s,
            flight.sent,
            flight.wire,
            outcome,
            usage,
            cost,
            pending.cost_bound,
            probable,
        )

    async def _picture(self, flight: Flight, outcome: Outcome) -> None:
        """Put the answer's pictures into files and record it. A stop cuts short what is fetched."""
        pictures, index = self._parts.pictures, flight.job.index
        body = msgspec.json.decode(outcome.response or "{}")  # from which the key was taken out
        with trio.CancelScope(shield=True):
            body["data"] = await pictures.decode(index, body["data"])
        try:
            await pictures.fetch(index, body["data"], links_in(body["data"]))
        finally:
            outcome.response = msgspec.json.encode(body).decode()
            self._answered(flight, outcome)

    def _answered(self, flight: Flight, outcome: Outcome) -> None:
        """Settle what the attempt reserved, and record it with its job's result."""
        parts, job, now_s = self._parts, flight.job, self._parts.clock.now()
        usage = usage_of(job, outcome)
        flight.lane.answered(flight.grant, used_tokens=_billed_tokens(usage), now_s=now_s)
        parts.estimator.settle(job, flight.reserved_tokens, usage)
        self._finish(flight, outcome, usage, ended_s=now_s)

    async def _failed(self, flight: Flight, outcome: Outcome) -> None:
        parts, pending = self._parts, flight.pending
        failure = outcome.failure
        assert failure is not None
        flight.lane.failed(
            flight.grant,
            failure,
            sent_at_s=flight.wire.sent_at,
            remaining=outcome.ratelimit_remaining,
        )
        if (reason := await parts.refusals.judge(failure)) is not None:
            self._unfinished(flight, outcome)
            self._schedule.done(flight.pending, None)
            parts.stop.request(reason)
            return
        if flight.lane.outage_since_s is None or not failure.of_service:
            pending.charged += 1
        first_due_s = flight.due_s if pending.first_due_s is None else pending.first_due_s
        verdict = parts.policy.after(failure, attempt=pending.charged, first_due_s=first_due_s)
        if verdict.delay_s is None:
            self._finish(
                flight, outcome, NO_USAGE, ended_s=parts.clock.now(), gave_up=verdict.reason
            )
        else:
            self._unfinished(flight, outcome)
            self._schedule.retry(pending, parts.clock.now() + verdict.delay_s)

    def _unfinished(self, flight: Flight, outcome: Outcome) -> None:
        made = self._made(flight, outcome, NO_USAGE)
        self._parts.recorder.ended(attempt_row(made, self._parts.clock), None)

    def _finish(
        self,
        flight: Flight,
        outcome: Outcome,
        usage: Usage,
        *,
        ended_s: float,
        gave_up: str | None = None,
    ) -> None:
        parts, pending = self._parts, flight.pending
        made = self._made(flight, outcome, usage)
        assert pending.first_due_s is not None
        row = attempt_row(made, parts.clock)
        result = result_row(
            made,
            row,
            parts.clock,
            first_due_s=pending.first_due_s,
            ended_s=ended_s,
            currency=parts.prices.currency if parts.prices else None,
            gave_up=gave_up,
        )
        parts.recorder.ended(row, result, replaces=pending.replaces)
        self._schedule.done(pending, result)


def _billed_tokens(usage: Usage) -> int | None:
    """What a server counts against the tokens a minute; None where the answer did not say."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return 0 if usage.images is not None else None
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)
