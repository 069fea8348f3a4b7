"""From an attempt's outcome to its row, and to the end of the job that it decided. Pure."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from headrace.jobs import (
    ENDPOINTS,
    SCHEMA_CODE,
    Attempt,
    ErrorKind,
    Job,
    JobEnd,
    PriceTable,
    Sent,
    Usage,
    counted,
    estimate_output_tokens,
)

from .admission import InFlight
from .answers import NO_OUTPUT, Answer
from .clock import RunClock
from .outcome import AttemptOutcome

NO_USAGE = Usage()
ZERO = Decimal(0)


class _Echo(msgspec.Struct):
    echo: Any = None
    max_tokens: Any = None


def _span(start_s: float | None, end_s: float | None) -> float | None:
    return None if start_s is None or end_s is None else end_s - start_s


def usage_of(job: Job, outcome: AttemptOutcome) -> Usage:
    """What the answer used, with what only the job knows: the image size, and the search."""
    if outcome.answer is None:
        return outcome.usage or NO_USAGE
    usage = outcome.answer.usage
    kind = ENDPOINTS[job.url].kind
    if kind == "images":
        return usage._replace(image_size=job.image_size)
    if kind == "search":
        return usage._replace(searches=1)
    if kind == "completions" and usage.why_unpriced == NO_OUTPUT and _only_echoes(job.body):
        return usage._replace(why_unpriced=None)
    if job.web_search is not None and usage.web_searches is None and usage.why_unpriced is None:
        why = f"the job has {job.web_search}, and the answer does not say what it searched"
        return usage._replace(why_unpriced=why)
    return usage


def _only_echoes(body: bytes) -> bool:
    """Whether all text of a completion is its prompt's: `echo` with a `max_tokens` of 0."""
    try:
        asked = msgspec.json.decode(body, type=_Echo)
    except msgspec.DecodeError:
        return False
    return asked.echo is True and asked.max_tokens == 0


def probable_cost_of(
    job: Job,
    outcome: AttemptOutcome,
    prices: PriceTable | None,
    *,
    input_tokens: int,
    bound: Decimal | None,
) -> Decimal | None:
    """What a stream that broke off before its usage was likely billed; None for anything else.

    One that reported an error itself is not billed where nothing came, and no search's fee.
    `input_tokens` is the estimate of the job's input, for where the stream has not told it. The
    output is what came: a service that writes on after the break bills more. Never above `bound`.
    """
    if outcome.partial is None or prices is None:
        return None
    text, told = outcome.partial
    reported = outcome.reported
    if reported and not text:
        return ZERO
    written = max(estimate_output_tokens(text), told.output_tokens or 0)
    known = told.input_tokens if told.input_tokens is not None else input_tokens
    searches = int(ENDPOINTS[job.url].kind == "search" and not reported)
    usage = told._replace(
        input_tokens=known, output_tokens=written, searches=searches, why_unpriced=None
    )
    cost = prices.cost(job.model, usage)
    return cost if cost is None or bound is None else min(cost, bound)


class Charge(NamedTuple):
    """What an attempt used and cost; `probable_cost` is an estimate for what has no cost, and
    `note` says why an answer has none."""

    usage: Usage
    cost: Decimal | None = None
    probable_cost: Decimal | None = None
    note: str | None = None


NO_CHARGE = Charge(NO_USAGE)


def sent_row(flight: InFlight, clock: RunClock, *, sent_s: float) -> Sent:
    """The record of an attempt that is about to leave at `sent_s` on trio's clock."""
    job, pending = flight.job, flight.pending
    return Sent(
        index=job.index,
        custom_id=job.custom_id,
        model=job.model,
        url=job.url,
        attempt=flight.number,
        due_at=clock.utc(flight.due_s),
        sent_at=clock.utc(sent_s),
        reserved_tokens=flight.reserved_tokens,
        cost_bound=pending.cost_bound,
        reopened=pending.replaces is not None,
        service=flight.lane.service,
    )


def attempt_row(
    flight: InFlight,
    outcome: AttemptOutcome,
    charge: Charge,
    clock: RunClock,
    *,
    error_kind: ErrorKind | None = None,
) -> Attempt:
    """The row of one attempt. `error_kind` names an end that is not an outcome: cancelled."""
    job, wire, usage = flight.job, flight.wire, charge.usage
    sent_s, failure, first_s = wire.sent_at_s, outcome.failure, outcome.first_token_at_s
    return Attempt(
        index=job.index,
        custom_id=job.custom_id,
        model=job.model,
        url=job.url,
        attempt=flight.number,
        due_at=clock.utc(flight.due_s) if flight.sent is None else flight.sent.due_at,
        sent_at=None if sent_s is None else clock.utc(sent_s),
        wait_s=None if sent_s is None else sent_s - flight.due_s,
        connect_s=wire.connect_s,
        first_byte_s=_span(sent_s, wire.first_byte_at_s),
        ttft_s=None if first_s is None else _span(sent_s, first_s),
        content_ttft_s=None if first_s is None else _span(sent_s, outcome.first_content_at_s),
        latency_s=_span(sent_s, outcome.content_end_at_s),
        client_lag_s=wire.client_lag_s,
        gaps_s=outcome.gaps_s,
        http_status=outcome.status,
        error_kind=error_kind or (failure.kind if failure else None),
        error_code=failure.code if failure else outcome.unfit and SCHEMA_CODE,
        error_message=failure.message if failure else outcome.unfit,
        retry_after_s=failure.retry_after_s if failure else None,
        request_id=outcome.request_id,
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        images=usage.images,
        searches=_searches(usage),
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        cost=charge.cost,
        cost_note=charge.note,
        reported_cost=usage.reported_cost,
        service=flight.lane.service,
        cost_bound=None if failure and failure.unprocessed else flight.pending.cost_bound,
        probable_cost=charge.probable_cost,
        ratelimit_limit=outcome.limits.rpm,
        ratelimit_remaining=outcome.limits.remaining,
        bytes_sent=wire.bytes_sent,
        bytes_received=wire.bytes_received,
        connection_reused=wire.reused,
        stream=job.stream,
    )


def unsent_row(job: Job, due_at: datetime, *, service: str | None = None) -> Attempt:
    """The row of a request that was due and never left."""
    return Attempt(
        index=job.index,
        custom_id=job.custom_id,
        model=job.model,
        url=job.url,
        attempt=1,
        due_at=due_at,
        error_kind="cancelled",
        error_message="due, and not sent before the run ended",
        service=service,
        stream=job.stream,
    )


def _searches(usage: Usage) -> int | None:
    return (usage.searches or 0) + (usage.web_searches or 0) or None


def job_end(
    flight: InFlight,
    outcome: AttemptOutcome,
    last: Attempt,
    clock: RunClock,
    *,
    first_due_s: float,
    ended_s: float,
    currency: str | None,
    gave_up: str | None,
) -> JobEnd:
    """The end of a job that this attempt decided, whose own row is `last`; `gave_up` says why a
    failure is the last."""
    job = flight.job
    answer, failure = outcome.answer, outcome.failure
    message = failure.message if failure else outcome.unfit
    if message is None and answer is not None:
        message = answer.oddity or (_too_few(job, answer) if job.answers > 1 else None)
    if failure is not None and failure.retried and gave_up:
        message = f"{message} (given up {gave_up})"
    return JobEnd(
        status="failed" if failure or outcome.unfit else "succeeded",
        error_code=(failure.code or failure.kind) if failure else outcome.unfit and SCHEMA_CODE,
        error_message=message,
        finish_reason=answer.finish_reason if answer else None,
        text=answer.text if answer else None,
        response=outcome.response,
        vectors=answer.vectors if answer else None,
        currency=currency if last.cost is not None else None,
        ended_at=clock.utc(ended_s),
        tpot_s=tpot_s(last.ttft_s, last.latency_s, last.output_tokens),
        total_s=ended_s - first_due_s,
        body_digest=job.body_digest,
        metadata=job.metadata,
        expected=job.expected,
    )


def _too_few(job: Job, answer: Answer) -> str | None:
    """That an answer has fewer choices or judgements than were asked for; None where it has all."""
    endpoint = ENDPOINTS[job.url]
    if endpoint.success == "choices":
        held, one = "choices", "choice"
    elif endpoint.kind == "moderations":
        held, one = "results", "result"
    else:
        return None
    found = len(answer.body.get(held) or ())
    return f"it has {counted(found, one)} of {job.answers}" if found < job.answers else None


def tpot_s(
    ttft_s: float | None, latency_s: float | None, output_tokens: int | None
) -> float | None:
    """Time per output token after the first: (latency - TTFT) / (output tokens - 1)."""
    if ttft_s is None or latency_s is None or output_tokens is None or output_tokens < 2:
        return None
    return (latency_s - ttft_s) / (output_tokens - 1)
