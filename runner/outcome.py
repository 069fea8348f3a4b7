"""What one attempt came to, before it is a row."""

import msgspec

from headrace.jobs import Usage

from .answers import Answer, Partial
from .limits import NOTHING_SAID, ServiceLimits
from .retries import Failure
from .secret import Secret, Secrets

MESSAGE_CHARACTERS_MAX = 2000  # of what an error said
WORD_CHARACTERS_MAX = 200  # of a code, an id or a reason that an answer names


class AttemptOutcome(msgspec.Struct):
    """What one attempt came to: an answer, or a failure, never both.

    `response` is the answer as JSON text, kept for a failure too where the body was JSON.
    `partial` is what a stream had brought before it broke off, `reported` whether it said itself
    that it failed, `usage` that of an answer which can't be used although it was paid for, and
    `long` whether the response takes long to write down.
    `unfit` says what is wrong with an answer that must have a form, and has another.
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
    unfit: str | None = None
    long: bool = False


def redacted(outcome: AttemptOutcome, key: Secret | Secrets) -> AttemptOutcome:
    """The outcome without the key, or keys, should a server have echoed them, and its words cut."""
    redact = key.redact
    answer, failure = outcome.answer, outcome.failure
    finish = None if answer is None else answer.finish_reason
    # All that was said, looked at once: nearly no answer has it.
    said = f"{outcome.response}\n{outcome.request_id}\n{finish}"
    spelled = key.may_be_in(said)
    if spelled and outcome.response is not None:
        outcome.response = key.redact_json(outcome.response)
    if outcome.request_id is not None:
        name = redact(outcome.request_id) if spelled else outcome.request_id
        outcome.request_id = name[:WORD_CHARACTERS_MAX]
    if answer is not None:
        if answer.text is not None:
            # (Parts of an answer may make a key together that they are not apart.)
            answer.text = redact(answer.text, spelled=spelled)
        if finish is not None:
            finish = redact(finish) if spelled else finish
            answer.finish_reason = finish[:WORD_CHARACTERS_MAX]
        if spelled and answer.usage.why_unpriced is not None:  # it may quote the answer
            why = redact(answer.usage.why_unpriced)
            answer.usage = answer.usage._replace(why_unpriced=why)
    if failure is not None:
        outcome.failure = failure._replace(
            # Cut only now: a cut in the middle of the key would leave its beginning.
            message=redact(failure.message)[:MESSAGE_CHARACTERS_MAX],
            code=failure.code and redact(failure.code)[:WORD_CHARACTERS_MAX],
        )
    return outcome
