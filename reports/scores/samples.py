"""What several answers to the same questions come to.

- `pass_at` k: that at least one of k samples is right, without bias: 1 - C(n - c, k) / C(n, k) of n
  samples of which c are right, the mean over questions (M. Chen et al., "Evaluating Large Language
  Models Trained on Code", arXiv 2107.03374, 2021, section 2.1).
- `pass_all` k, or pass^k: that all of k samples are right: C(c, k) / C(n, k) (S. Yao et al.,
  "tau-bench", arXiv 2406.12045, 2024, section 3).
- `majority`: the score of the answer that is given most often (X. Wang et al., "Self-Consistency",
  ICLR 2023); of several as often, their mean.
- `agreement`: the share of a question's samples that give that answer, the mean over questions.

Samples without a score count in none of these.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any, NamedTuple

import polars as pl


class Question(NamedTuple):
    """How many of a question's samples have a score, and how many of them are right."""

    scored: int
    right: int


class Votes(NamedTuple):
    """The most common answer to a question: its score, and the share of samples that gave it."""

    question: int
    majority: float
    agreement: float


def pass_at(questions: Iterable[Question], k: int) -> float | None:
    """The chance that one of `k` samples is right; None where no question has so many."""
    return _mean(1 - math.comb(n - c, k) / math.comb(n, k) for n, c in questions if n >= k)


def pass_all(questions: Iterable[Question], k: int) -> float | None:
    """The chance that all of `k` samples are right; None where no question has so many."""
    return _mean(math.comb(c, k) / math.comb(n, k) for n, c in questions if n >= k)


def questions_of(rows: pl.DataFrame) -> list[Question] | None:
    """The questions of rows with `question` and `score`; None where a score is neither 0 nor 1."""
    scored = rows.drop_nulls("score")
    if not len(scored) or not right_or_wrong(scored["score"]):
        return None
    counted = scored.group_by("question").agg(pl.len(), pl.col("score").sum().cast(pl.Int64))
    return [Question(n, c) for _, n, c in counted.iter_rows()]


def right_or_wrong(scores: pl.Series) -> bool:
    """Whether scores are 0 or 1 and nothing else, so that their mean is a share."""
    return bool(scores.is_in([0.0, 1.0]).all())


def votes_of(rows: pl.DataFrame, reading: Callable[[str], Any]) -> list[Votes]:
    """What the most common answers come to, of rows with `question`, `score` and `text`.

    Args:
        rows: an answer each.
        reading: what an answer comes to: two that are read alike are the same.

    Returns:
        The questions that have an answer with a score.
    """
    answers: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for question, score, text in rows.select("question", "score", "text").iter_rows():
        if score is not None:
            answers[question][repr(reading(text or ""))].append(score)
    found = []
    for question, given in answers.items():
        most = max(map(len, given.values()))
        majority = fmean(fmean(each) for each in given.values() if len(each) == most)
        found.append(Votes(question, majority, most / sum(map(len, given.values()))))
    return found


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fmean(found) if found else None
