"""Attempts: each is sent, judged, and recorded, whatever queue its job came from.

A dispatcher has `Admission` let a job out, and then calls `make` in another task. An attempt keeps
its slot until its record is written.
"""

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import trio

from headrace.jobs import ENDPOINTS, Attempt, HeadraceError, JobEnd, PriceTable, Usage

from .admission import Admission, InFlight
from .client import Client
from .clock import RunClock
from .images import ImageStore, links_in
from .limits import NOTHING_SAID
from .money import RefusalJudge
from .offload import LONG_BYTES
from .outcome import AttemptOutcome
from .pending import Pending
from .record import Recorder
from .retries import Failure, RetryPolicy
from .rows import NO_CHARGE, Charge, attempt_row, job_end, probable_cost_of, sent_row, usage_of
from .stop import Stop

if TYPE_CHECKING:
    from .form_check import FormCheck

# Attempts of a job that a service did nothing with, and that count as none: a service that takes
# nothing at all ends there.
UNPROCESSED_MAX = 20


class HaltedError(Exception):
    """The run stopped while the attempt was connecting: not a byte of it was sent."""


class Conclusion(NamedTuple):
    """What an attempt means for its job: it is over with `end`, or is to be sent again no earlier
    than `retry_at_s` on trio's clock, as `instead` where it asks something else from now on;
    neither where the run stops."""

    end: JobEnd | None = None
    retry_at_s: float | None = None
    instead: Pending | None = None


ZERO = Decimal(0)
STOPPED = Conclusion()


class Attempts:
    """Makes attempts. Each part belongs to the caller; `prices` None leaves costs unknown, and
    `form_check` is None where answers may have any form."""

    def __init__(
        self,
        *,
        client: Client,
        admission: Admission,
        policy: RetryPolicy,
        refusals: RefusalJudge,
        recorder: Recorder,
        prices: PriceTable | None,
        images: ImageStore,
        clock: RunClock,
        stop: Stop,
        form_check: "FormCheck | None" = None,
    ) -> None:
        self._admission = admission
        self._recorder = recorder
        self._prices = prices
        self._images = images
        self._stop = stop
        self._client = client
        self._policy = policy
        self._refusals = refusals
        self._clock = clock
        self._form_check = form_check

    async def make(self, flight: InFlight) -> Conclusion:
        """Send it, and see to what follows; the caller gives its slot back. Cancelled, it leaves a
        row where it was sent."""
        wire = flight.wire
        wire.on_sent = partial(self._sent, flight)
        failure: Failure | None = None
        recorded_apart = False  # `_with_images` writes the row itself, cancelled or not
        try:
            outcome = await self._client.send(flight.job, wire)
            failure = outcome.failure
            limits = outcome.limits
            if limits is not NOTHING_SAID:
                flight.lane.apply_service_limit(rpm=limits.rpm, tpm=limits.tpm)
            if self._images.concern(flight.job, outcome):
                recorded_apart = True
                return await self._with_images(flight, outcome)
            if outcome.answer is None:
                return await self._failed(flight, outcome)
            if self._form_check is not None:
                # Shielded: an answer that came is recorded, whatever stops the run meanwhile.
                with trio.CancelScope(shield=True):
                    await self._form_check.look(outcome)
                    if outcome.unfit is not None and self._may_ask_again(flight):
                        return await self._asked_again(flight, outcome)
            return await self._answered(flight, outcome)
        except HaltedError:
            return STOPPED
        except HeadraceError as error:
            self._stop.request(error)
            return STOPPED
        except trio.Cancelled:
            if flight.sent is not None and not recorded_apart:
                flight.pending.begin(flight.due_s)
                try:
                    self._recorder.ended(self._cancelled_row(flight), None)
                except HeadraceError as error:
                    self._stop.request(error)
            raise
        finally:
            wire.on_sent = None  # holds the flight, which holds the wire: a cycle for the collector
            self._admission.ended(flight, overloaded=failure is not None and failure.of_load)

    def _cancelled_row(self, flight: InFlight) -> Attempt:
        return attempt_row(flight, _cut_off(flight), NO_CHARGE, self._clock, error_kind="cancelled")

    def _sent(self, flight: InFlight, sent_s: float) -> None:
        """Called just before the first byte leaves: from here on the attempt may be billed."""
        if self._stop.reason is not None:
            raise HaltedError
        record = sent_row(flight, self._clock, sent_s=sent_s)
        self._recorder.sent(record)
        flight.sent = record
        flight.lane.sent += 1

    def _charge(self, flight: InFlight, outcome: AttemptOutcome, usage: Usage) -> Charge:
        job = flight.job
        cost: Decimal | None = None
        probable: Decimal | None = None
        if self._prices is not None:
            if outcome.answer is not None:
                cost = self._prices.cost(job.model, usage)
            elif outcome.failure is not None and outcome.failure.unprocessed:
                cost = ZERO
            elif outcome.usage is not None:  # whether it was billed, only the account knows
                probable = self._prices.cost(job.model, usage)
            if cost is None and outcome.partial is not None:
                probable = probable_cost_of(
                    job,
                    outcome,
                    self._prices,
                    input_tokens=self._admission.estimator.likely_input_tokens(job),
                    bound=flight.pending.cost_bound,
                )
        note: str | None = None
        if cost is None and outcome.answer is not None:
            if self._prices is not None and self._prices.is_free(job.model, ENDPOINTS[job.url]):
                return Charge(usage, ZERO)
            note = usage.why_unpriced
            if self._prices is not None:
                note = self._prices.why_no_cost(job.model, usage)
        return Charge(usage, cost, probable, note)

    async def _with_images(self, flight: InFlight, outcome: AttemptOutcome) -> Conclusion:
        """Put the answer's images into files and record it. A stop cuts short what is fetched."""
        index = flight.job.index
        # (It is the response, from which the key was taken out.)
        body = await self._images.body_of(outcome)
        await self._images.decode(flight.job, body)
        try:
            await self._images.fetch(index, body["data"], links_in(body["data"]))
        finally:
            await self._images.put_back(outcome, body)
            conclusion = await self._answered(flight, outcome)
        return conclusion

    async def _answered(self, flight: InFlight, outcome: AttemptOutcome) -> Conclusion:
        """Settle what the attempt reserved, and record it with its job's result."""
        now_s = self._clock.now()
        usage = self._settled(flight, outcome, now_s=now_s)
        return await self._finish(flight, outcome, usage, ended_s=now_s)

    def _settled(self, flight: InFlight, outcome: AttemptOutcome, *, now_s: float) -> Usage:
        """Give back what an answer did not use of what was reserved; what it used."""
        job = flight.job
        usage = usage_of(job, outcome)
        self._refusals.succeeded(job)
        flight.lane.answered(flight.grant, used_tokens=_billed_tokens(usage), now_s=now_s)
        self._admission.estimator.learn(job, flight.reserved_tokens, usage)
        return usage

    async def _failed(self, flight: InFlight, outcome: AttemptOutcome) -> Conclusion:
        pending, failure = flight.pending, outcome.failure
        assert failure is not None
        flight.lane.failed(
            flight.grant,
            failure,
            sent_at_s=flight.wire.sent_at_s,
            remaining=outcome.limits.remaining,
        )
        # Shielded: an answer that came is recorded, whatever stops the run meanwhile.
        with trio.CancelScope(shield=True):
            reason = await self._refusals.judge(failure, flight.job)
        if reason is not None:
            self._unfinished(flight, outcome)
            self._stop.request(reason)
            return STOPPED
        # An outage charges nobody, but for jobs that take too long for something on the way: one of
        # those must not hold the run in an outage until it gives up.
        slow = flight.lane.took_too_long(failure, sent_at_s=flight.wire.sent_at_s)
        counted = slow or flight.lane.outage_since_s is None or not failure.of_service
        free = failure.unprocessed and pending.unprocessed < UNPROCESSED_MAX
        pending.unprocessed += failure.unprocessed
        if counted and not free:
            pending.charged += 1
        first_due_s = flight.due_s if pending.first_due_s is None else pending.first_due_s
        decision = self._policy.after(failure, attempt=pending.charged, first_due_s=first_due_s)
        if decision.delay_s is None:
            return await self._finish(
                flight,
                outcome,
                usage_of(flight.job, outcome),
                ended_s=self._clock.now(),
                gave_up=decision.reason,
            )
        self._unfinished(flight, outcome)
        return Conclusion(retry_at_s=self._clock.now() + decision.delay_s)

    def _unfinished(self, flight: InFlight, outcome: AttemptOutcome) -> None:
        flight.pending.begin(flight.due_s)
        charge = self._charge(flight, outcome, NO_CHARGE.usage)
        self._recorder.ended(attempt_row(flight, outcome, charge, self._clock), None)

    async def _finish(
        self,
        flight: InFlight,
        outcome: AttemptOutcome,
        usage: Usage,
        *,
        ended_s: float,
        gave_up: str | None = None,
    ) -> Conclusion:
        """Record an attempt that decided its job; what takes long to write, off the loop."""
        pending = flight.pending
        pending.begin(flight.due_s)
        charge = self._charge(flight, outcome, usage)
        assert pending.first_due_s is not None
        row = attempt_row(flight, outcome, charge, self._clock)
        end = job_end(
            flight,
            outcome,
            row,
            self._clock,
            first_due_s=pending.first_due_s,
            ended_s=ended_s,
            currency=self._prices.currency if self._prices else None,
            gave_up=gave_up,
        )
        if outcome.long:
            await self._recorder.ended_long(row, end, replaces=pending.replaces)
        else:
            self._recorder.ended(row, end, replaces=pending.replaces)
        return self._over(flight, row, Conclusion(end))

    def _over(self, flight: InFlight, row: Attempt, conclusion: Conclusion) -> Conclusion:
        """What an attempt means that was answered or decided its job, once it is recorded."""
        cost = row.cost
        if cost is not None and (budget := self._admission.budget) is not None:
            beyond = budget.beyond_bound(flight.job, cost, flight.pending.cost_bound)
            if beyond is not None:
                self._stop.request(beyond)
        return conclusion

    def _may_ask_again(self, flight: InFlight) -> bool:
        assert self._form_check is not None
        now_s = self._clock.now()
        return self._form_check.may_ask(flight.pending, due_s=flight.due_s, now_s=now_s)

    async def _asked_again(self, flight: InFlight, outcome: AttemptOutcome) -> Conclusion:
        """Record an answer that does not fit, and have its job asked again."""
        assert self._form_check is not None
        now_s = self._clock.now()
        usage = self._settled(flight, outcome, now_s=now_s)
        flight.pending.begin(flight.due_s)
        row = attempt_row(flight, outcome, self._charge(flight, outcome, usage), self._clock)
        again = await self._form_check.again(flight.pending, outcome)
        if len(again.reask.text or "") > LONG_BYTES:
            await self._recorder.asked_again_long(row, again.reask)
        else:
            self._recorder.asked_again(row, again.reask)
        return self._over(flight, row, Conclusion(retry_at_s=now_s, instead=again.pending))


def _cut_off(flight: InFlight) -> AttemptOutcome:
    """What is known of an attempt that was cancelled: when its stream began."""
    tokens = flight.wire.tokens
    if tokens is None:
        return AttemptOutcome()
    return AttemptOutcome(
        first_token_at_s=tokens.first_at_s, first_content_at_s=tokens.first_content_at_s
    )


def _billed_tokens(usage: Usage) -> int | None:
    """What a server counts against the tokens per minute; None where the answer did not say."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return 0 if usage.images is not None else None
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)
