"""Several load runs as the steps of one measurement: a sweep, or a search for the highest load."""

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from headrace.jobs import Expression

from ..figures import Summary, data_json, summary_of
from ..load import (
    OPEN_WORTH,
    Floats,
    Spread,
    harmless_to,
    independent_share,
    latencies_by_due,
    rank_sum_z,
)
from ..objectives import (
    Certainty,
    FigureInterval,
    judge_within_client_error,
    requests_needed,
)
from ..output import write_whole
from ..run import Run, open_run
from ..run_series import STEPS_FILE, read_series

STEPS_SCHEMA_VERSION = 1
# Of the intervals of a search, whose answer is what is sure.
SEARCH_LEVEL = 0.99
# A latency counts as rising when chance alone makes so large a difference of the two halves of a
# step once in 700, and the later half's median is higher by this much.
RISING_Z = 3.0
RISING_BY = 1.2
# An open loop is overloaded where each tenth of its answers took longer than the one before.
GROWING_PARTS = 10
GROWING_FROM = 20 * GROWING_PARTS
GROWING_BY = 2.0
KNEE_FROM_STEPS = 4
RISING = "the latency was still rising: a longer step would come out worse"
GROWING = "the latency rose without an end: more is due than is answered"
# What is shown of a step: no gaps between tokens, and no p99.
SWEPT = ("p50", "p95")


# What a step says of its load; what is neither met nor missed decides nothing by itself.
Outcome = Literal["met", "missed", "unclear", "client-limited", "unknown"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One run of them. `rate_per_s` or `users` is what it was asked for, `size` its length as a
    multiple of what was asked. Times are seconds from sent, of its measured answers.

    `certainty` and `met` are the objective's by the figures (None without one), with the `figures`
    that it names. `rising` says that the latency was still going up when the step ended. `verdict`
    is in proportion to the objective: valid where the client's lateness can't change whether it is
    met. `outcome` is what all of this comes to, and `why` says in words what keeps it from being
    sure. `cut_at_max_tokens` of its `answers` ended there, those of the warm-up too. `in_flight` is
    the mean of answers under way. `warmup_note` says what is wrong with its warm-up, if anything.
    """

    directory: str
    asked: str
    rate_per_s: float | None
    users: int | None
    size: float
    verdict: str
    requests: int
    error_rate: float | None
    requests_per_s: float | None
    output_tokens_per_s: float | None
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    goodput_share: float | None
    rising: bool
    certainty: Certainty | None
    met: bool | None
    figures: list[FigureInterval]
    outcome: Outcome | None = None
    why: list[str] = []
    answers: int | None = None  # None in what 0.1 wrote
    cut_at_max_tokens: int = 0
    goodput_per_s: float | None = None
    in_flight: float | None = None
    warmup_note: str = ""
    hardware_cost: Decimal | None = None  # of a million output tokens

    @property
    def load(self) -> float:
        """What it was asked for, as a number."""
        return float(self.rate_per_s or self.users or 0)


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep or a search, with its steps in the order in which they were made.

    Of a search `highest_met` is the highest load that met the `objective`, `lowest_missed` the
    lowest that didn't, and `unclear` are loads that could not be told from the limit: rates were
    taken as they came out, and of users the other two are sure. `knee` is
    what the step was asked for beyond which latency rises faster than load (None: there is none to
    be seen). `reason` says why it ended early.
    """

    schema_version: int
    kind: Literal["sweep", "find"]
    directory: str
    started_at: datetime
    objective: str | None
    steps: list[Step]
    highest_met: float | None
    lowest_missed: float | None
    unclear: list[float]
    knee: float | None
    reason: str | None


def steps_report(
    *,
    kind: Literal["sweep", "find"],
    directory: Path,
    started_at: datetime,
    objective: str | None,
    steps: list[Step],
    found: tuple[float | None, float | None, Sequence[float]],
    reason: str | None,
) -> Steps:
    """The report over all steps.

    Args:
        kind: a sweep, or a search for the highest load.
        directory: where the runs of the steps are.
        started_at: when the first one began.
        objective: the condition on each step, as it was written.
        steps: in the order in which they were made.
        found: highest_met, lowest_missed and unclear of `Steps`.
        reason: why it ended early.

    Returns:
        What steps.json has.
    """
    highest_met, lowest_missed, unclear = found
    return Steps(
        schema_version=STEPS_SCHEMA_VERSION,
        kind=kind,
        directory=str(directory),
        started_at=started_at,
        objective=objective,
        steps=list(steps),
        highest_met=highest_met,
        lowest_missed=lowest_missed,
        unclear=list(unclear),
        knee=knee_of(steps),
        reason=reason,
    )


def steps_json(report: Steps) -> bytes:
    """The report as indented JSON, with a line end."""
    return data_json(report)


def read_steps(directory: Path) -> Steps:
    """The report that a sweep or a search left, over the steps that it had made by then.

    Args:
        directory: of them all.

    Raises:
        InputError: its steps.json can't be read.
    """
    report = read_series(directory / STEPS_FILE, Steps)
    return msgspec.structs.replace(report, directory=str(directory))


def write_steps(report: Steps, path: Path) -> None:
    """Write the report, whole or not at all.

    Args:
        report: over all steps.
        path: of steps.json.

    Raises:
        InputError: it can't be written.
    """
    write_whole(path, steps_json(report))


def read_step(directory: Path, objective: Expression | None, *, size: float) -> Step:
    """The step that a load run's directory records.

    Args:
        directory: the load run.
        objective: a condition on the whole of it, which a search judges: it counts what is sure
            alone, so the intervals are of 99 %, since it has many, and of as many answers as are
            independent.
        size: the step's length as a multiple of what was asked.

    Raises:
        InputError: it is not a run, or can't be read.
    """
    run = open_run(directory)
    return step_of(run, summary_of(run), objective, size=size)


def step_requests(text: str, *, open_loop: bool) -> int:
    """How many answers a step of a search has to have before this objective can surely be met.

    Args:
        text: the objective.
        open_loop: whether the search is over rates.
    """
    needed = requests_needed(text, level=SEARCH_LEVEL)
    return math.ceil(needed / OPEN_WORTH) if open_loop else needed


def step_of(run: Run, summary: Summary, objective: Expression | None, *, size: float) -> Step:
    """A load run as a step; `objective` is a condition on the whole of it."""
    figures = summary.load
    assert figures is not None
    rates, hardware = figures.rates, figures.hardware
    latencies = latencies_by_due(run)
    ttft, latency = figures.spread("ttft_s", "sent"), figures.spread("latency_s", "sent")
    step = Step(
        directory=str(run.directory),
        asked=figures.facts.asked,
        rate_per_s=figures.facts.rate_per_s,
        users=figures.facts.users,
        size=size,
        verdict=figures.verdict.verdict,
        requests=figures.requests.measured,
        error_rate=figures.requests.error_rate,
        requests_per_s=None if rates is None else rates.requests_per_s,
        output_tokens_per_s=None if rates is None else rates.output_tokens_per_s,
        ttft_p50_s=_at(ttft, "p50"),
        ttft_p95_s=_at(ttft, "p95"),
        latency_p50_s=_at(latency, "p50"),
        latency_p95_s=_at(latency, "p95"),
        goodput_share=figures.goodput_share,
        rising=is_rising(latencies),
        certainty=None,
        met=None,
        figures=[],
        why=list(figures.verdict.why),
        answers=summary.outcome.succeeded,
        cut_at_max_tokens=summary.outcome.cut_at_max_tokens,
        goodput_per_s=None if rates is None else rates.goodput_per_s,
        in_flight=None if rates is None else rates.in_flight,
        warmup_note=" ".join(figures.verdict.notes),
        hardware_cost=None if hardware is None else hardware.per_million_output_tokens,
    )
    if objective is not None:
        return _judged(step, run, summary, objective, latencies)
    if step.verdict != "valid" and harmless_to(SWEPT, run, figures.facts):
        step = msgspec.structs.replace(step, verdict="valid", why=[])
    return msgspec.structs.replace(step, why=[*step.why, *([RISING] if step.rising else [])])


def _judged(
    step: Step, run: Run, summary: Summary, objective: Expression, latencies: Floats
) -> Step:
    """The step with what it says of the objective."""
    assert summary.load is not None
    open_loop = summary.load.facts.open_loop
    worth = independent_share(latencies, open_loop=open_loop)
    judged = judge_within_client_error(objective, run, summary, level=SEARCH_LEVEL, growth=worth)
    why = list(step.why) if judged.depends_on_client else []
    verdict = step.verdict if judged.depends_on_client else "valid"
    outcome: Outcome
    if judged.depends_on_client:
        outcome = "unknown" if verdict == "unknown" else "client-limited"
    elif judged.certainty == "not met":
        outcome = "missed"
    elif open_loop and is_growing(latencies):
        outcome = "missed"
        why.append(GROWING)
    elif step.rising:
        outcome = "unclear"
        why.append(RISING)
    else:
        outcome = "unclear" if judged.certainty == "unclear" else "met"
    if outcome == "unclear" and judged.certainty == "unclear":
        why.append("the interval of a figure holds the limit")
    return msgspec.structs.replace(
        step,
        verdict=verdict,
        certainty=judged.certainty,
        met=judged.met,
        figures=judged.figures,
        outcome=outcome,
        why=why,
    )


def _at(spread: Spread | None, name: str) -> float | None:
    return None if spread is None else spread.percentile(name).value


def is_rising(latencies: Floats) -> bool:
    """Whether answers due in the later half took longer than those of the earlier one, by the
    rank-sum test."""
    early, late = np.array_split(latencies, 2)
    if len(early) < 10:
        return False
    higher = float(np.median(late)) > RISING_BY * float(np.median(early))
    return higher and rank_sum_z(late, early) > RISING_Z


def is_growing(latencies: Floats) -> bool:
    """Whether a queue grew for as long as the step took: the median of every tenth is above that of
    the tenth before, and that of the last is twice that of the first."""
    if len(latencies) < GROWING_FROM:
        return False
    medians = np.array([np.median(part) for part in np.array_split(latencies, GROWING_PARTS)])
    return bool(np.all(np.diff(medians) > 0) and medians[-1] > GROWING_BY * medians[0])


def knee_of(steps: list[Step]) -> float | None:
    """Where latency begins to rise faster than load: the step farthest below the line from the
    first to the last, both scales from 0 to 1 (V. Satopää et al., "Finding a Kneedle in a
    Haystack", ICDCS workshops 2011). None of fewer than four loads, where latency hardly rises,
    where no step is below, and where latency does not rise faster beyond it: at the last step, or
    of one high in the middle."""
    by_load = {step.load: step.latency_p95_s for step in steps if step.latency_p95_s is not None}
    if len(by_load) < KNEE_FROM_STEPS:
        return None
    loads = np.array(sorted(by_load))
    times = np.array([by_load[load] for load in loads])
    span = times.max() - times.min()
    if times.max() < RISING_BY * times.min() or not span:
        return None
    x = (loads - loads[0]) / (loads[-1] - loads[0])
    y = (times - times.min()) / span
    below = x - y
    place = int(below.argmax())
    is_steeper = y[-1] - y[place] > x[-1] - x[place]
    return float(loads[place]) if below[place] > 0 and is_steeper else None
