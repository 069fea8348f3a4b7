"""What one attempt came to, before it is a row."""

import msgspec

from headrace.jobs import Usage

from .answers import Answer, Partial
from .limits import NOTHING_SAID, ServiceLimits
from .retries import Failure


class AttemptOutcome(msgspec.Struct):
    """What one attempt came to: an answer, or a failure, never both.

    `response` is the answer as JSON text, kept for a failure too where the body was JSON.
    `partial` is what a stream had brought before it broke off, `reported` whether it said itself
    that it failed, and `usage` that of an answer which
    can't be used although it was paid for.
    `first_token_at_s`, `first_content_at_s` (the first token that is not reasoning) and
    `content_end_at_s` are seconds on trio's clock; the first two are None for what was not a
    stream. `gaps_s` lie between token-bearing chunks, 0.0 between those of one read; None where
    nobody asked for them.
    """

    answer: Answer | None = None
    failure: Failure | None = None
    response: str | None = None
    status: int | None = None
    request_id: str | None = None
    first_token_at_s: float | None = None
    first_content_at_s: float | None = None
    gaps_s: list[float] | None = None
    content_end_at_s: float | None = None
    limits: ServiceLimits = NOTHING_SAID
    partial: Partial | None = None
    reported: bool = False
    usage: Usage | None = None
