"""The figures of a run that an objective may name, each with its meaning: `cost`, `error_rate`, ...

docs/reference/expressions.md lists them, and a test holds it to this table.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from headrace.jobs import CLIENT_CANCELLED, Aggregate, Name

from ..figures import Summary
from ..load import LoadFigures, Rates
from ..scores import AS_EXPECTED

Value = Decimal | float | int | str | bool


class UnknownError(Exception):
    """A figure isn't known; the message says why, in words."""


class Figure(NamedTuple):
    """One name: how it is read off a summary (None: not known), or the aggregate that it is short
    for; its meaning; of text the words that it may be; and why an aggregate may not be known."""

    read: Callable[[Summary], Value | None] | Aggregate
    meaning: str
    words: tuple[str, ...] | None = None
    missing: str | None = None

    @property
    def is_text(self) -> bool:
        return self.words is not None


def _cost(summary: Summary) -> Decimal | None:
    usage = summary.usage
    if usage.currency is None:
        raise UnknownError("no prices were given (--prices)")
    if usage.unpriced_models:
        raise UnknownError(
            f"no price, or no usage, for answers of {', '.join(usage.unpriced_models)}"
        )
    return usage.total.cost if usage.rows else Decimal(0)


def _reported_cost(summary: Summary) -> Decimal:
    found = summary.usage.total.reported_cost
    if found is None:
        raise UnknownError("no answer has a cost that the service itself reports")
    return found


def _reported(summary: Summary) -> Decimal:
    """Beside `cost`, which is of all answers, so that the two can be held against each other."""
    found, total = _reported_cost(summary), summary.usage.total
    if total.reported_answers < total.answers:
        raise UnknownError(
            f"the service reports the cost of {total.reported_answers:,} of {total.answers:,} "
            "answers; sum(reported_cost) - sum(cost, reported_cost >= 0) is of these alone"
        )
    return found


def _account_cost(summary: Summary) -> Decimal:
    check = summary.balance
    if check.taken is None:
        raise UnknownError(f"what the account took is not known: {'; '.join(check.why)}")
    return check.taken


def _error_rate(summary: Summary) -> float | None:
    if summary.load is not None:
        return summary.load.requests.error_rate
    outcome = summary.outcome
    jobs = outcome.succeeded + outcome.failed
    if not jobs:
        raise UnknownError("no job has ended")
    return outcome.failed / jobs


def _attempt_error_rate(summary: Summary) -> float:
    outcome = summary.outcome
    if not outcome.attempts:
        raise UnknownError("nothing was sent")
    failed = (each for each in outcome.attempt_errors if each.error_code != CLIENT_CANCELLED)
    return sum(each.attempts for each in failed) / outcome.attempts


def _load(summary: Summary) -> LoadFigures:
    if summary.load is None:
        raise UnknownError("this is not a load run")
    return summary.load


def _rates(summary: Summary) -> Rates:
    found = _load(summary).rates
    if found is None:
        raise UnknownError("nothing was measured")
    return found


def span_s(summary: Summary) -> float | None:
    """The time that rates are over, in seconds."""
    return summary.throughput.span_s if summary.load is None else summary.load.window_s


def _requests_per_s(summary: Summary) -> float | None:
    if summary.load is not None:
        return _rates(summary).requests_per_s
    per_minute = summary.throughput.requests_per_minute
    return None if per_minute is None else per_minute / 60


def _hardware_cost(summary: Summary) -> Decimal | None:
    hardware = None if summary.load is None else summary.load.hardware
    if hardware is None:
        raise UnknownError("what the hardware costs was not given (--cost-per-hour)")
    return hardware.per_million_output_tokens


def _output_tokens_per_s(summary: Summary) -> float | None:
    if summary.load is not None:
        return _rates(summary).output_tokens_per_s
    return summary.throughput.output_tokens_per_s


def _goodput(summary: Summary) -> float:
    found = _rates(summary).goodput_per_s
    if found is None:
        raise UnknownError("the load run had no objectives (--slo)")
    return found


def _scored_share(summary: Summary) -> float:
    found = [each.scored_share for each in summary.scores if each.scored_share is not None]
    if not found:
        raise UnknownError("the run has no scores; make them with headrace score")
    return min(found)


FIGURES = {
    "jobs": Figure(lambda s: s.outcome.succeeded + s.outcome.failed, "jobs with a result"),
    "succeeded": Figure(lambda s: s.outcome.succeeded, "jobs that succeeded"),
    "failed": Figure(lambda s: s.outcome.failed, "jobs that failed"),
    "cut_at_max_tokens": Figure(
        lambda s: s.outcome.cut_at_max_tokens,
        "answers that max_tokens cut short: succeeded jobs whose finish_reason is length",
    ),
    "invalid": Figure(
        lambda s: 0 if s.unfit is None else s.unfit.jobs,
        "jobs that failed since their answer does not fit the schema",
    ),
    "rejected": Figure(lambda s: s.outcome.rejected, "lines that are not jobs"),
    "error_rate": Figure(
        _error_rate,
        "share of the jobs with a result, of a load run of the measured attempts, that failed",
    ),
    "attempts": Figure(lambda s: s.outcome.attempts, "HTTP requests, retries included"),
    "retries": Figure(lambda s: s.outcome.retries, "attempts beyond each job's first, but reasks"),
    "reasks": Figure(
        lambda s: s.outcome.reasks, "attempts that asked again for an answer that fits the schema"
    ),
    "attempt_error_rate": Figure(_attempt_error_rate, "share of the attempts that failed"),
    "refused": Figure(lambda s: s.limits.refused, "answers of 429"),
    "lost": Figure(lambda s: s.outcome.lost, "attempts sent before a crash, without an end"),
    "cancelled": Figure(lambda s: s.outcome.cancelled, "attempts that were ended in flight"),
    "cost": Figure(_cost, "cost of all attempts, exact; unknown while an answer has no price"),
    "reported_cost": Figure(
        _reported_cost, "what the service itself says that the attempts cost, of those that it says"
    ),
    "reported": Figure(_reported, "the same, unknown while the service says nothing of an answer"),
    "account_cost": Figure(
        _account_cost, "what the account took: the rise of the key's use, else the balance's fall"
    ),
    "input_tokens": Figure(
        lambda s: s.usage.total.input_tokens, "of all attempts, cached included"
    ),
    "cached_input_tokens": Figure(
        lambda s: s.usage.total.cached_input_tokens, "of all attempts, read from the cache"
    ),
    "output_tokens": Figure(
        lambda s: s.usage.total.output_tokens, "of all attempts, reasoning included"
    ),
    "images": Figure(lambda s: s.usage.total.images, "images made"),
    "elapsed_s": Figure(lambda s: s.run.elapsed_s, "time of all sessions that ended"),
    "span_s": Figure(
        span_s, "first request sent to last answer's end; of a load run, the measured window"
    ),
    "requests_per_s": Figure(_requests_per_s, "succeeded requests over that span"),
    "hardware_cost": Figure(
        _hardware_cost, "what the hardware costs for a million output tokens (--cost-per-hour)"
    ),
    "output_tokens_per_s": Figure(_output_tokens_per_s, "their output tokens over that span"),
    "goodput": Figure(_goodput, "load runs: requests per second that met every `--slo`"),
    "goodput_share": Figure(
        lambda s: _load(s).goodput_share, "load runs: share of the requests that met every `--slo`"
    ),
    "due_per_s": Figure(lambda s: _rates(s).due_per_s, "load runs: requests due per second"),
    "verdict": Figure(
        lambda s: _load(s).verdict.verdict,
        "load runs: whether the figures can be trusted, as text: valid, client-limited or unknown",
        ("valid", "client-limited", "unknown"),
    ),
    "balance": Figure(
        lambda s: s.balance.verdict,
        "verdict of the balance check, as text",
        ("agrees", "too small to tell", "differs", "cannot be checked"),
    ),
    "balance_difference": Figure(
        lambda s: s.balance.difference, "what the account says minus the computed cost"
    ),
    "scored_share": Figure(
        _scored_share, "share of the jobs that have a score; of several scores the least"
    ),
    AS_EXPECTED: Figure(
        Aggregate(function="mean", argument=Name(name=AS_EXPECTED)),
        "share of the jobs with a result whose answer is what they expect, of those that expect "
        "one that can be compared; a failed job's is not",
        missing="no job expects an answer that can be compared",
    ),
    "state": Figure(
        lambda s: s.run.state,
        "how the run ended, as text",
        ("finished", "interrupted", "stopped", "running", "crashed"),
    ),
}
