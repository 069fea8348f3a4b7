"""A sweep or a search in words: what each step says, and what all of them come to.

The sentences are made of the very rows that the table shows, so that neither contradicts the other.
"""

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

from headrace.jobs import printable, show_seconds

from ..wording import counted, cut_words, money_to_read
from .steps import Outcome, Step, Steps

Tone = Literal["good", "bad", "doubt", "plain"]
TONES: dict[str | None, Tone] = {
    "met": "good",
    "missed": "bad",
    "unclear": "doubt",
    "client-limited": "bad",
    "unknown": "doubt",
}
# Of a steps.json that has no outcomes yet.
OUTCOMES: dict[str | None, Outcome] = {"met": "met", "not met": "missed", "unclear": "unclear"}


class Remark(NamedTuple):
    """A sentence or a few words, and whether it is good news."""

    text: str
    tone: Tone


def by_load(steps: Steps) -> list[Step]:
    """The steps in order of load; those of one load in the order in which they were made."""
    return sorted(steps.steps, key=lambda step: step.load)


def load_words(step: Step) -> str:
    """What a step was asked for, in short: 20/s, or 8 users."""
    if step.rate_per_s is not None:
        return f"{step.rate_per_s:.4g}/s"
    return counted(step.users or 0, "user")


def outcome_of(step: Step) -> Outcome | None:
    """What a step says of its load."""
    return step.outcome or OUTCOMES.get(step.certainty)


def mark(steps: Steps, step: Step) -> Remark:
    """What became of a step, in a word or two, for its row."""
    outcome = outcome_of(step)
    if outcome is None:
        if step.verdict != "valid":
            return Remark(step.verdict, TONES.get(step.verdict, "doubt"))
        return Remark("still rising", "doubt") if step.rising else Remark("", "plain")
    if outcome != "unclear" or not _is_final(steps, step) or not _taken(steps, step.load):
        return Remark(outcome, TONES[outcome])
    return Remark(f"unclear: {'met' if _taken_as_met(step) else 'missed'}", "doubt")


def _is_final(steps: Steps, step: Step) -> bool:
    """Whether the search took an unclear step as it came out."""
    same = [each for each in steps.steps if each.load == step.load]
    return step is same[-1] and step.load in steps.unclear


def _taken(steps: Steps, load: float) -> bool:
    """Whether it was taken as it came out: 0.1 did so with unclear rates. Others lie between the
    two loads that are sure."""
    low, high = steps.highest_met or 0.0, steps.lowest_missed or math.inf
    return load in steps.unclear and not low < load < high


def _taken_as_met(step: Step) -> bool:
    return bool(step.met) and not step.rising


def step_remarks(steps: Steps) -> Iterator[Remark]:
    """What was found, then what is not sure about it, and why it ended early."""
    if steps.kind == "find":
        yield _answer(steps)
    elif (found := _course(steps)) is not None:
        yield found
    if steps.knee is not None:
        yield Remark(f"beyond {_named(steps, steps.knee)} latency rises faster than load", "plain")
    if steps.unclear:
        loads = ", ".join(_named(steps, load) for load in steps.unclear)
        taken = any(_taken(steps, load) for load in steps.unclear)
        words = ", and taken as it came out" if taken else ""
        yield Remark(f"too near to the limit to tell{words}: {loads}", "doubt")
    if again := _made_once_more(steps):
        yield Remark(f"client-limited at first, and made once more: {', '.join(again)}", "doubt")
    for reason, having in _reasons(steps).items():
        yield Remark(f"{', '.join(having)}: {printable(reason)}", "doubt")
    if cut := sum(step.cut_at_max_tokens for step in steps.steps):
        answers = sum(step.answers or 0 for step in steps.steps)
        yield Remark(cut_words(cut, answers), "plain")
    if (cheapest := _cheapest(steps)) is not None:
        yield cheapest
    if steps.reason is not None:
        yield Remark(f"ended early: {printable(steps.reason)}", "bad")


def _course(steps: Steps) -> Remark | None:
    """What a sweep shows at its ends; nothing of fewer than two loads with answers."""
    known = [
        (load_words(step), step.latency_p95_s)
        for step in _last_of_each(steps)
        if step.latency_p95_s is not None
    ]
    if len(known) < 2:
        return None
    (low, first_s), (high, last_s) = known[0], known[-1]
    times = f"{show_seconds(first_s)} at {low}, {show_seconds(last_s)} at {high}"
    return Remark(f"latency p95 was {times}", "plain")


def _cheapest(steps: Steps) -> Remark | None:
    """At which load hardware of one's own does the most for its money."""
    known = [
        (step.hardware_cost, load_words(step))
        for step in _last_of_each(steps)
        if step.hardware_cost is not None
    ]
    if not known:
        return None
    (least, where), (most, dearest) = min(known), max(known)
    words = f"a million output tokens cost {money_to_read(least, None)} of hardware at {where}"
    if most != least:
        words += f", {money_to_read(most, None)} at {dearest}"
    return Remark(words, "plain")


def _made_once_more(steps: Steps) -> list[str]:
    last = _last_of_each(steps)
    undecided = [step for step in steps.steps if step not in last and step.verdict != "valid"]
    return list(dict.fromkeys(load_words(step) for step in undecided))


def _reasons(steps: Steps) -> dict[str, list[str]]:
    """Why the last step of a load is not sure: each reason with the loads that have it, by load."""
    found: dict[str, list[str]] = {}
    for step in _last_of_each(steps):
        if reason := why_words(step):
            found.setdefault(reason, []).append(load_words(step))
    return found


def _last_of_each(steps: Steps) -> list[Step]:
    return list({step.load: step for step in by_load(steps)}.values())


def cut_of(step: Step) -> str:
    """How many of a step's answers max_tokens cut short, for its row; empty where none was."""
    return f"{step.cut_at_max_tokens:,}" if step.cut_at_max_tokens else ""


def why_words(step: Step) -> str:
    """What keeps a step from being sure, in a clause; of several reasons the first."""
    reasons = step.why
    if not reasons:
        return "" if step.verdict == "valid" else f"the measurement is {step.verdict}"
    more = f", and {counted(len(reasons) - 1, 'further reason')}" if len(reasons) > 1 else ""
    named = "" if step.verdict == "valid" else f"{step.verdict}, since "
    return f"{named}{reasons[0]}{more}"


def _answer(steps: Steps) -> Remark:
    """The highest load that meets the objective, as the two that it lies between."""
    low, missed = steps.highest_met, steps.lowest_missed
    users = _over_users(steps)
    if missed is None:
        if low is None and not steps.unclear:
            return Remark(f"no {_kind(steps)} met the objective", "bad")
        if low is None:
            return Remark("nothing that was tried could be told from the limit", "doubt")
        more = "" if steps.unclear else "; none that was tried missed it"
        return Remark(f"{_named(steps, low)} or more meet the objective{more}", "good")
    over = f"; {_named(steps, missed)} {'miss' if users and missed != 1 else 'misses'} it"
    high = missed - 1 if users else missed
    if low is None:
        if not any(load < missed for load in steps.unclear):
            down = _named(steps, missed)
            return Remark(f"no {_kind(steps)} met the objective, down to {down}", "bad")
        said = f"at most {_named(steps, high)} meet the objective, if any{over}"
        return Remark(said, "doubt")
    if low == high:
        verb = "meets" if low == 1 else "meet"
        return Remark(f"{_named(steps, low)} {verb} the objective{over}", "good")
    first = f"{low:,.0f}" if users else f"{low:.4g}"
    return Remark(f"{first} to {_named(steps, high)} at most meet the objective{over}", "good")


def _kind(steps: Steps) -> str:
    return "number of users" if _over_users(steps) else "rate"


def _over_users(steps: Steps) -> bool:
    return bool(steps.steps) and steps.steps[0].users is not None


def _named(steps: Steps, load: float) -> str:
    return counted(round(load), "user") if _over_users(steps) else f"{load:.4g}/s"
