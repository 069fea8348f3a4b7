"""Nights on tables: 300 questions, a share of them answered rightly, judged as `nightly` does."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from headrace.jobs import Expression, Name, Node, parse_condition
from headrace.reports.nights import Asked, judge_night, verdict_of
from headrace.reports.objectives import SHARE, Figures, RunEstimates
from headrace.reports.samples import ONCE
from headrace.reports.uncertainty import Estimate, clustered, mean_estimate

QUESTIONS = 300
RIGHT = 0.70
CONDITION = parse_condition("mean(exact) >= base")
BASELINE_NIGHTS = 5
# How much of whether an answer is right lies in the question; the rest is the night's own luck.
IN_THE_QUESTION = 0.7

Answers = npt.NDArray[np.float64]


class TableFigures(Figures):
    """The share of right answers, whatever is asked."""

    def __init__(self, share: float) -> None:
        self._share = share
        self.scores, self.currency = {"exact": SHARE}, None
        self._shares = {"exact": True}

    def unit(self, node: Node) -> str:
        """Of whatever it is asked."""
        return "share"

    def value(self, expression: Expression, node: Node, base: Figures | None = None) -> Any:
        """As it came out; of a whole condition whether it holds."""
        if node is not expression.root:
            return self._share
        assert base is not None
        return self._share >= float(base.value(expression, Name(name="exact")))


class TableEstimates(RunEstimates):
    """Nights whose answers stand in arrays, as what a night is judged of."""

    def __init__(self, nights: Sequence[Answers]) -> None:
        names = pl.Series("custom_id", [f"q{n}" for n in range(QUESTIONS)])
        answers = np.concatenate(nights)
        rows = pl.DataFrame(
            {"index": np.arange(QUESTIONS), "custom_id": names, "body_digest": "same"}
        )
        manifest = SimpleNamespace(kind="bulk", recipe=None)
        run = SimpleNamespace(manifest=manifest, directory=Path(), results=rows.lazy())
        self.run: Any = run
        self.samples = ONCE
        self.figures = TableFigures(float(answers.mean()))
        self._estimate_of_all = mean_estimate(
            clustered(pl.Series("value", answers), pl.concat([rows["index"]] * len(nights)))
        )

    def of(self, expression: Expression, node: Node) -> Estimate | None:
        """The mean of the answers, whatever is asked."""
        return self._estimate_of_all


class Night(NamedTuple):
    """What became of a simulated night: the verdict of each condition, by what it was beside."""

    verdicts: dict[str, str]

    @property
    def red(self) -> bool:
        """Whether any condition was not met."""
        return "not met" in self.verdicts.values()


def independent(rng: np.random.Generator) -> Callable[[float], Answers]:
    """Answers of which no two nights know anything of each other."""
    return lambda share: (rng.random(QUESTIONS) < share).astype(np.float64)


def alike(rng: np.random.Generator) -> Callable[[float], Answers]:
    """Answers to the same questions, of which some are harder than others."""
    ease = rng.normal(size=QUESTIONS)

    def answers(share: float) -> Answers:
        luck = math.sqrt(1 - IN_THE_QUESTION) * rng.normal(size=QUESTIONS)
        limit = NormalDist().inv_cdf(share)
        return (math.sqrt(IN_THE_QUESTION) * ease + luck < limit).astype(np.float64)

    return answers


def judged(tonight: Answers, good: Sequence[Answers]) -> Night:
    """A night beside the last good one and the baseline, as the command has it."""
    baseline = good[:BASELINE_NIGHTS]
    bases = [("baseline", baseline)] if baseline else []
    if len(good) > 1:
        bases.insert(0, ("last-good", good[-1:]))
    asked = [Asked([CONDITION], name, (), TableEstimates(nights)) for name, nights in bases]
    found = judge_night(asked, TableEstimates([tonight]))
    return Night({str(each.beside): verdict_of(each) for each in found})


def after_good_nights(
    answers: Callable[[float], Answers], nights: int, share: float = RIGHT
) -> Night:
    """A night that is answered with `share`, after so many good ones at the usual share."""
    good = [answers(RIGHT) for _ in range(nights)]
    return judged(answers(share), good)


def drift_cost(answers: Callable[[float], Answers], most: int = 25) -> int:
    """By how many points nights that lose one point each have fallen when the first is red."""
    good = [answers(RIGHT)]
    for points in range(1, most):
        tonight = answers(RIGHT - points / 100)
        if judged(tonight, good).red:
            return points
        good.append(tonight)
    return most
