"""A run's outcome in sentences, for the page and for a comment on a pull request."""

from decimal import Decimal

from headrace.jobs import show_seconds

from .figures import KeptMoney, Release, Summary, UnfitAnswers, UsageTable
from .load import lead
from .wording import counted, cut_words, money, money_to_read, state_words

RELEASES_SHOWN = 5


def headline(summary: Summary) -> list[str]:
    """Two or three sentences: what became of the jobs, what it cost, and what the account says."""
    return [
        *_asked(summary),
        _jobs(summary),
        *_cut(summary),
        *_unfit(summary),
        *_verdict(summary),
        *_money(summary),
    ]


def reported_words(usage: UsageTable) -> str | None:
    """What the costs that the service itself reports are to be held against, where it says nothing
    of some answers; None where it says it of all, or of none."""
    total = usage.total
    if total.reported_cost is None or total.reported_answers >= total.answers:
        return None
    answers = counted(total.answers, "answer")
    said = f"reported of {total.reported_answers:,} of {answers}"
    if total.computed_of_reported is None:
        return said
    return f"{said}, whose computed cost is {money(total.computed_of_reported, usage.currency)}"


def _jobs(summary: Summary) -> str:
    outcome, run = summary.outcome, summary.run
    ended = outcome.succeeded + outcome.failed
    if not ended:
        said = "No job has a result"
    elif not outcome.failed:
        said = f"{'The one job' if ended == 1 else f'All {ended:,} jobs'} succeeded"
    else:
        said = f"{outcome.succeeded:,} of {ended:,} jobs succeeded, {outcome.failed:,} failed"
    if outcome.rejected:
        lines = "1 line was" if outcome.rejected == 1 else f"{outcome.rejected:,} lines were"
        said += f", and {lines} rejected"
    if run.elapsed_s is not None:
        said += f", in {show_seconds(run.elapsed_s)}"
    if run.state == "finished":
        return f"{said}."
    is_running = "is " if run.state == "running" else ""
    return f"{said}. The run {is_running}{state_words(run.state, kind=run.kind)}."


def _cut(summary: Summary) -> list[str]:
    """What max_tokens cut short; a load run asks for answers of a length, and cuts them by it."""
    outcome = summary.outcome
    if not outcome.cut_at_max_tokens or summary.load is not None:
        return []
    return [f"{cut_words(outcome.cut_at_max_tokens, outcome.succeeded)}."]


def _unfit(summary: Summary) -> list[str]:
    """What had another form than it must have, and was asked for again."""
    if summary.unfit is None:
        return []
    return [f"{unfit_words(summary.unfit, summary.usage.currency)}."]


def unfit_words(unfit: UnfitAnswers, currency: str | None) -> str:
    """How many answers did not fit, what they cost, and what asking again did."""

    def at(cost: Decimal | None) -> str:
        return "" if cost is None else f" ({money(cost, currency)})"

    said = f"{counted(unfit.answers, 'answer')} did not fit the schema{at(unfit.cost)}"
    if unfit.reasks:
        said += f"; {counted(unfit.reasks, 'attempt')} to ask again{at(unfit.reask_cost)}"
    if not unfit.jobs:
        return said
    return (
        f"{said}; {counted(unfit.jobs, 'job')} failed for it (--retry-failed --reask N asks again)"
    )


def _asked(summary: Summary) -> list[str]:
    """What was asked of a load run, and whether it was held."""
    if summary.load is None:
        return []
    said = lead(summary.load)
    return [f"{said[:1].upper()}{said[1:]}."]


def _verdict(summary: Summary) -> list[str]:
    if summary.load is None:
        return []
    requests = summary.load.requests
    if requests.measured and not requests.answered:
        return ["No answer came in the measured window: there is nothing to judge."]
    return {
        "valid": ["The measurement is valid."],
        "client-limited": ["The client itself was a limit, so the figures are partly its own."],
    }.get(summary.load.verdict.verdict, ["Whether the measurement is valid is not known."])


def _money(summary: Summary) -> list[str]:
    usage, check = summary.usage, summary.balance
    if usage.currency is None and check.taken is not None:
        return [f"No prices were given; the account took {money(check.taken, check.currency)}."]
    if usage.currency is None:
        return ["What it cost is not known: no prices were given."]
    if usage.total.cost is None:
        return []
    cost = f"It cost {money_to_read(usage.total.cost, usage.currency)}"
    if check.verdict == "agrees":
        return [f"{cost}, and the account agrees."]
    if check.verdict == "too small to tell":
        return [f"{cost}, too little to tell from the account."]
    if check.verdict == "differs" and not check.difference:
        return [f"{cost}; the account of a service differs."]
    if check.verdict == "differs" and check.difference is not None:
        more = "more" if check.difference > 0 else "less"
        difference = money_to_read(abs(check.difference), check.currency)
        return [f"{cost}; the account says {difference} {more}."]
    return [f"{cost}; the account can't be held against it."]


def _whose(release: Release) -> str:
    return f"{release.service}'s" if isinstance(release.service, str) else "the"


def kept_words(kept: KeptMoney) -> list[str]:
    """What counts as spent beside the cost and why, and what the account has let go of it."""
    reasons = []
    if kept.attempts:
        attempts = counted(sum(kept.attempts.values()), "attempt")
        each = ", ".join(f"{why}: {count:,}" for why, count in kept.attempts.items())
        reasons.append(f"{attempts} whose bill is unknown ({each})")
    if kept.unrecorded:
        reasons.append("what machines that were lost may have sent last")
    words = [f"{money(kept.kept, kept.currency)} kept as spent for {' and '.join(reasons)}"]
    if kept.unbounded:
        one = kept.unbounded == 1
        words.append(
            f"{kept.unbounded:,} of them {'has' if one else 'have'} no bound: nothing is kept for "
            f"{'it' if one else 'these'}"
        )
    words += [
        f"{money(each.released, kept.currency)} released at {each.at:%Y-%m-%d %H:%M:%S} UTC: "
        f"{_whose(each)} account had taken {money(each.kept, kept.currency)} beyond what was "
        "computed"
        for each in kept.releases[-RELEASES_SHOWN:]
    ]
    return words
