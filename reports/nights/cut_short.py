"""A night that was cut short: what became of it so far, and how it is resumed."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from headrace.jobs import InputError

from ..figures import summary_of
from ..headline import headline
from ..markdown import SENTENCE_CHARACTERS_MAX, code
from ..run import open_run
from ..scores import votes_runs
from .report import NIGHT_SCHEMA_VERSION


class CutNight(msgspec.Struct, frozen=True, kw_only=True):
    """A night without a verdict. `why` is what ended it, with `exit_code`; `said` are sentences on
    its run; the counts and the cost are None where the run can't be read."""

    schema_version: int
    run: str
    date: str
    eval_file: str
    verdict: Literal["cut short"]
    exit_code: int
    why: str
    jobs: int | None
    failed: int | None
    cost: Decimal | None
    currency: str | None
    said: list[str]
    notes: list[str]


def cut_night(
    run: Path, *, date: str, eval_file: str, exit_code: int, why: str, notes: Sequence[str] = ()
) -> CutNight:
    """What is to be said of a night that was cut short.

    Args:
        run: its directory.
        date: of its start.
        eval_file: what says what it is.
        exit_code: which it ended with.
        why: it ended, in words; empty where its runs say that themselves.
        notes: what else is to be said.
    """
    try:
        summary = summary_of(open_run(run))
    except InputError as error:
        counts: tuple[int | None, int | None] = (None, None)
        cost, currency, said = None, None, [error.message]
    else:
        outcome, usage = summary.outcome, summary.usage
        counts = (outcome.succeeded + outcome.failed, outcome.failed)
        cost, currency = usage.total.cost if usage.rows else None, usage.currency
        said, why = headline(summary), why or summary.run.reason or _of_votes(run)
    return CutNight(
        schema_version=NIGHT_SCHEMA_VERSION,
        run=str(run),
        date=date,
        eval_file=eval_file,
        verdict="cut short",
        exit_code=exit_code,
        why=why or f"it ended with exit code {exit_code}",
        jobs=counts[0],
        failed=counts[1],
        cost=cost,
        currency=currency,
        said=said,
        notes=list(notes),
    )


def _of_votes(run: Path) -> str:
    """Why the run of a judge's votes stopped; empty where none did."""
    for each in votes_runs(run):
        session = open_run(each).manifest.sessions[-1]
        if session.state not in ("finished", "running"):
            return f"the judge's run stopped: {session.reason or session.state}"
    return ""


def cut_markdown(night: CutNight) -> str:
    """The same for a chat or a pull request."""
    parts = [
        f"### {night.date}: cut short, not judged",
        f"Exit code {night.exit_code}: {_whole(night.why)}",
        "\n".join(f"- {_whole(each)}" for each in (*night.said, *night.notes)),
        "Nothing that was answered is asked again: the same command resumes it.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _whole(sentence: str) -> str:
    return code(sentence, most=SENTENCE_CHARACTERS_MAX)
