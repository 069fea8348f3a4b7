"""The engine: takes jobs as they may leave, makes their attempts, and records what came of each.

    reader -> backlog -> dispatcher -> lane -> attempt -> recorder
                 ^                                |
                 +---------- retries -------------+

One dispatcher waits for a free slot, for a job and then for the lane, so what waits holds neither
slot nor connection. An attempt keeps its slot until its record is written.
"""

from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import NamedTuple

import msgspec
import trio

from jobs import (
    HeadraceError,
    Job,
    PriceTable,
    Reject,
    Sent,
    TokenEstimator,
    Usage,
    cost_bound,
)

from .backlog import Backlog, Pending
from .balance import Account
from .budget import Budget
from .client import Client, Outcome
from .clock import RunClock
from .concurrency import Concurrency
from .errors import OutageError, OutOfMoneyError
from .failure import Failure
from .images import links_in
from .lane import Lane
from .limiter import Grant
from .offload import Offload
from .pictures import Pictures
from .record import Recorder, State
from .refusals import Refusals
from .retry import RetryPolicy
from .rows import Made, attempt_row, cost_of, probable_cost_of, result_row, usage_of
from .stop import Stop
from .transport import Wire

BATCH_LINES = 256
BATCH_BYTES = 4 * 1024 * 1024


class HaltedError(Exception):
    """The run stopped while the attempt was connecting: not a byte of it was sent."""


class Flight(NamedTuple):
    """One attempt under way: its job, what the limiter set aside, and when it was due."""

    pending: Pending
    grant: Grant
    reserved_tokens: int
    due_s: float
    wire: Wire

    @property
    def job(self) -> Job:
        return self.pending.job


class Parts(NamedTuple):
    """What an engine works with; each part belongs to the caller."""

    client: Client
    account: Account
    lane: Lane
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


class Engine:
    """Runs jobs to their end, or until it is told to stop; why it stopped is in `stop.reason`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.backlog = Backlog()

    async def run(self, items: Iterator[Job | Reject], state: State, read: Offload) -> None:
        """Work off `items`, which `read` takes from in a thread of its own where it may block.

        Jobs that `state` has as done are passed over. Returns when every job has its result, or
        after a stop when nothing is in flight any more.
        """
        stop = self.parts.stop
        async with trio.open_nursery() as background:
            background.start_soon(self._or_stop, self.parts.recorder.keep)
            background.start_soon(self._or_stop, lambda: self._read(items, state, read))
            background.start_soon(self._watch_outage)
            with stop.in_flight:
                async with trio.open_nursery() as attempts:
                    with stop.sending:
                        await self._dispatch(attempts)
            background.cancel_scope.cancel()

    async def _or_stop(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except HeadraceError as error:
            self.parts.stop.request(error)

    async def _watch_outage(self) -> None:
        lane = self.parts.lane
        await lane.outage_over_limit.wait()
        self.parts.stop.request(
            OutageError(
                f"the service has failed for {lane.outage_limit_s:g} s without a break; "
                "the same command goes on when it is back"
            )
        )

    async def _read(self, items: Iterator[Job | Reject], state: State, read: Offload) -> None:
        lines = 1  # the first job must not wait for more of the file
        while batch := await read(partial(_take, items, lines)):
            for item in batch:
                if isinstance(item, Job):
                    if not state.has_result(item.index):
                        await self.backlog.put(self._pending(item, state))
                elif not state.has_result(item.line - 1):
                    self.parts.recorder.reject(item)
            lines = BATCH_LINES
        self.backlog.exhaust()

    def _pending(self, job: Job, state: State) -> Pending:
        prices = self.parts.prices
        return Pending(
            job,
            state.attempts.get(job.index, 0),
            cost_bound=None if prices is None else cost_bound(job, prices),
            replaces=state.replaced(job.index),
        )

    async def _dispatch(self, attempts: trio.Nursery) -> None:
        parts = self.parts
        while True:
            await parts.concurrency.wait_for_slot()
            taken = await self.backlog.take()
            if taken is None:
                return
            pending, pause_ended_s = taken
            if parts.budget is not None:
                try:
                    await parts.budget.reserve(pending.cost_bound or Decimal(0))
                except OutOfMoneyError as error:
                    parts.stop.request(error)
                    return
            tokens = parts.estimator.reserve(pending.job)
            if parts.lane.limiter.tpm is not None:
                # Never more than a minute's worth: it could not leave at all.
                tokens = min(tokens, parts.lane.limiter.tpm)
            grant = await parts.lane.admit(tokens)
            due_s = grant.at_s if pause_ended_s is None else pause_ended_s
            parts.concurrency.take()
            attempts.start_soon(self._attempt, Flight(pending, grant, tokens, due_s, Wire()))

    def _sent(self, flight: Flight, sent_s: float) -> None:
        """Called just before the first byte leaves: from here on the attempt may be billed."""
        parts, job = self.parts, flight.job
        if parts.stop.reason is not None:
            raise HaltedError
        parts.recorder.sent(
            Sent(
                index=job.index,
                custom_id=job.custom_id,
                model=job.model,
                url=job.url,
                attempt=flight.pending.made + 1,
                due_at=parts.clock.utc(flight.due_s),
                sent_at=parts.clock.utc(sent_s),
                reserved_tokens=flight.reserved_tokens,
                cost_bound=flight.pending.cost_bound,
                reopened=flight.pending.replaces is not None,
            )
        )

    async def _attempt(self, flight: Flight) -> None:
        parts, wire = self.parts, flight.wire
        wire.on_sent = lambda sent_s: self._sent(flight, sent_s)
        failure: Failure | None = None
        concluded = False
        try:
            outcome = await parts.client.send(flight.job, wire)
            failure = outcome.failure
            if outcome.ratelimit_limit is not None:
                parts.lane.limiter.lower_rpm(outcome.ratelimit_limit, parts.clock.now())
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
            self.backlog.done()
        except HeadraceError as error:
            self.backlog.done()
            parts.stop.request(error)
        except trio.Cancelled:
            if wire.sent_at is not None and not concluded:
                made = self._made(flight, Outcome(), None)
                row = attempt_row(made, parts.clock, error_kind="cancelled")
                try:
                    parts.recorder.ended(row, None)
                except HeadraceError as error:
                    parts.stop.request(error)
            raise
        finally:
            if parts.budget is not None:
                parts.budget.release(flight.pending.cost_bound or Decimal(0))
            parts.concurrency.give_back(
                sent_at_s=wire.sent_at,
                overloaded=failure is not None and failure.of_load,
                now_s=parts.clock.now(),
            )

    def _made(self, flight: Flight, outcome: Outcome, cost: Decimal | None) -> Made:
        flight.pending.begin(flight.due_s)
        number = flight.pending.made
        parts, job, bound = self.parts, flight.job, flight.pending.cost_bound
        probable: Decimal | None = None
        if outcome.partial is not None:
            likely = parts.estimator.likely_input_tokens(job)
            probable = probable_cost_of(
                job, outcome, parts.prices, input_tokens=likely, bound=bound
            )
        return Made(job, number, flight.due_s, flight.wire, outcome, cost, bound, probable)

    async def _picture(self, flight: Flight, outcome: Outcome) -> None:
        """Put the answer's pictures into files and record it. A stop cuts short what is fetched."""
        pictures, index = self.parts.pictures, flight.job.index
        body = msgspec.json.decode(outcome.response or "{}")  # from which the key was taken out
        with trio.CancelScope(shield=True):
            body["data"] = await pictures.decode(index, body["data"])
        try:
            await pictures.fetch(index, body["data"], links_in(body["data"]))
        finally:
            response = msgspec.json.encode(body).decode()
            self._answered(flight, outcome._replace(response=response))

    def _answered(self, flight: Flight, outcome: Outcome) -> None:
        """Settle what the attempt reserved, and record it with its job's result."""
        parts, job = self.parts, flight.job
        usage = usage_of(job, outcome)
        parts.lane.answered(flight.grant, used_tokens=_billed_tokens(usage))
        parts.estimator.settle(job, flight.reserved_tokens, usage)
        self._finish(flight, outcome, gave_up=None)

    async def _failed(self, flight: Flight, outcome: Outcome) -> None:
        parts, pending = self.parts, flight.pending
        failure = outcome.failure
        assert failure is not None
        parts.lane.failed(
            flight.grant,
            failure,
            sent_at_s=flight.wire.sent_at,
            remaining=outcome.ratelimit_remaining,
        )
        if (reason := await parts.refusals.judge(failure)) is not None:
            self._unfinished(flight, outcome)
            self.backlog.done()
            parts.stop.request(reason)
            return
        if parts.lane.outage_since_s is None or not failure.of_service:
            pending.charged += 1
        first_due_s = flight.due_s if pending.first_due_s is None else pending.first_due_s
        verdict = parts.policy.after(failure, attempt=pending.charged, first_due_s=first_due_s)
        if verdict.delay_s is None:
            self._finish(flight, outcome, gave_up=verdict.reason)
        else:
            self._unfinished(flight, outcome)
            self.backlog.retry(pending, parts.clock.now() + verdict.delay_s)

    def _unfinished(self, flight: Flight, outcome: Outcome) -> None:
        made = self._made(flight, outcome, None)
        self.parts.recorder.ended(attempt_row(made, self.parts.clock), None)

    def _finish(self, flight: Flight, outcome: Outcome, *, gave_up: str | None) -> None:
        parts = self.parts
        made = self._made(flight, outcome, cost_of(flight.job, outcome, parts.prices))
        assert flight.pending.first_due_s is not None
        result = result_row(
            made,
            parts.clock,
            first_due_s=flight.pending.first_due_s,
            ended_s=parts.clock.now(),
            currency=parts.prices.currency if parts.prices else None,
            gave_up=gave_up,
        )
        row = attempt_row(made, parts.clock)
        parts.recorder.ended(row, result, replaces=flight.pending.replaces)
        self.backlog.done()


def _take(items: Iterator[Job | Reject], lines: int) -> list[Job | Reject]:
    """Up to so many items, or fewer where they are large."""
    batch: list[Job | Reject] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item.body) if isinstance(item, Job) else len(item.text)
        if len(batch) >= lines or size >= BATCH_BYTES:
            break
    return batch


def _billed_tokens(usage: Usage) -> int | None:
    """What a server counts against the tokens a minute; None where the answer did not say."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return 0 if usage.images is not None else None
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)
