"""A night in words: what each condition came to, and texts of models made safe to show."""

import re
from collections.abc import Iterator

from ..comparison import Flips
from ..objectives import judgement_words
from ..wording import counted
from .judgement import NightObjective
from .report import NightReport

CHARACTERS_MAX = 2_000


def verdict_of(each: NightObjective) -> str:
    """met, not met or unclear."""
    if not each.judgement.met:
        return "not met"
    return "unclear" if each.judgement.outcome == "unclear" else "met"


def came_words(each: NightObjective) -> str:
    """What came out of a condition."""
    return judgement_words(each.judgement)


def headline(report: NightReport) -> str:
    """What became of the night, in a sentence."""
    verdicts = [verdict_of(each) for each in report.objectives]
    missed, unclear, number = verdicts.count("not met"), verdicts.count("unclear"), len(verdicts)
    if missed:
        return f"{missed} of {number} conditions {'is' if missed == 1 else 'are'} not met"
    if not unclear:
        return f"all {number} conditions are met" if number > 1 else "met"
    none = "no condition is missed by more than chance"
    return f"{none}; {unclear} of {number} {'is' if unclear == 1 else 'are'} unclear"


def flips_words(flips: Flips) -> str:
    """How many answers changed, and which way."""
    down, up = flips.right_to_wrong, flips.wrong_to_right
    if flips.binary:
        return f"{counted(down, 'answer')} from right to wrong, {up:,} from wrong to right"
    return f"{counted(down, 'question')} with a lower {flips.score}, {up:,} with a higher one"


def notes(report: NightReport) -> Iterator[str]:
    """What it was held beside, and what else is to be known."""
    if report.baseline:
        number = len(report.baseline)
        nights = "night" if number == 1 else "nights"
        wanted = report.baseline_nights
        more = "" if number >= wanted else f", of the {wanted} that it will be"
        yield f"baseline: {number} {nights}{more}: {', '.join(report.baseline)}"
    else:
        yield "baseline: no good night yet; it is made of the first ones"
    if report.last_good is not None:
        yield f"last good night: {report.last_good}"
    yield from report.notes


def cut(text: str) -> str:
    """A text of at most 2,000 characters."""
    return text if len(text) <= CHARACTERS_MAX else text[: CHARACTERS_MAX - 1] + "…"


def fenced(text: str) -> str:
    """A text of others as a block of code in Markdown, which nothing in it can leave."""
    safe = "\n".join(
        "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)
        for line in cut(text).splitlines()
    )
    longest = max((len(run) for run in re.findall(r"`+", safe)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{safe}\n{fence}"
