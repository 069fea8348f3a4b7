"""A night in Markdown, for a chat or a comment on a pull request."""

from collections.abc import Iterator

from ..comparison import Flip
from ..markdown import code, table
from ..wording import counted, money
from .questions import shown_expected
from .report import NightReport
from .words import came_words, fenced, flips_words, headline, notes, verdict_of

# Of the questions that became wrong so many are shown.
FLIPS_SHOWN = 10
MARKS = {"met": "met", "not met": "**not met**", "unclear": "unclear"}


def night_markdown(report: NightReport) -> str:
    """The verdict, a row for each condition, and the answers that became wrong."""
    said = headline(report)
    title = f"{report.date}: {said}"
    facts = [counted(report.jobs, "job"), f"{report.failed:,} failed"]
    if report.cost is not None:
        facts.append(money(report.cost, report.currency))
    parts = [f"### {title}", ", ".join(facts), _conditions(report)]
    parts.append("\n".join(f"- {code(each)}" for each in notes(report)))
    parts += _flips(report)
    return "\n\n".join(part for part in parts if part) + "\n"


def _conditions(report: NightReport) -> str:
    rows = [
        (
            MARKS[verdict_of(each)],
            code(each.judgement.objective),
            code(each.beside or ""),
            code(came_words(each)),
        )
        for each in report.objectives
    ]
    return table(("", "condition", "beside", "came out"), rows, left=4)


def _flips(report: NightReport) -> Iterator[str]:
    flips = report.flips
    if flips is None or not flips.right_to_wrong + flips.wrong_to_right:
        return
    lost = [each for each in flips.shown if each.score_b < each.score_a][:FLIPS_SHOWN]
    said = f"Beside {report.last_good}: {flips_words(flips)}"
    if not lost:
        yield said
        return
    yield f"<details><summary>{said}</summary>"
    for flip in lost:
        yield from _flip(flip, binary=flips.binary)
    yield "</details>"


def _flip(flip: Flip, *, binary: bool) -> Iterator[str]:
    was, now = ("was", "is") if binary else (f"was, {flip.score_a:.4g}", f"is, {flip.score_b:.4g}")
    yield code(flip.custom_id)
    if (expected := shown_expected(flip.expected)) is not None:
        yield f"expected\n\n{fenced(expected)}"
    for name, answer in ((was, flip.a), (now, flip.b)):
        yield f"{name}\n\n{fenced('no answer' if answer is None else answer)}"
