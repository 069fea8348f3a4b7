"""Functions of the user's, each in a process of its own."""

from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.reports.scores import Scored
from headrace.reports.scoring import function_scorer, scoring_process
from headrace.reports.scoring.function_scorer import FunctionScorer

pytestmark = pytest.mark.slow  # processes
MODULE = """
import os
import threading
from decimal import Decimal
from fractions import Fraction


def score(row):
    print("noise")
    what = row["text"]
    if what == "raise":
        raise ValueError("no\\nway")
    if what == "exit":
        raise SystemExit(2)
    if what == "die":
        os._exit(3)
    if what == "pair":
        return True, row["expected"]["why"]
    if what == "odd":
        return 0, "\\ud800\\x00"
    if what == "ask":
        return len(input())
    if what == "print":
        os.write(1, b"[1, null]\\n")
        return 0.25
    if what == "fork":
        return 0.0 if os.fork() else 1.0
    if what == "hang":
        threading.Event().wait()
    if what == "stay":
        threading.Thread(target=threading.Event().wait).start()
        return 1
    if what in ("truth", "small"):
        import numpy as np

        return np.bool_(True) if what == "truth" else np.float32(0.5)
    if what == "exact":
        return Decimal("0.25")
    if what == "huge":
        return 10**400
    if what == "third":
        return Fraction(1, 4)
    return {"text": "x", "none": None, "nan": float("nan"), "one": 1}[what]
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "json.py").write_text("raise RuntimeError('stood in for a module')")


def test_a_scorer_that_fails_gives_the_row_a_reason_and_the_rest_scores() -> None:
    texts = ["one", "raise", "exit", "die", "pair", "text", "none", "nan", "one"]
    rows = [{"text": text, "expected": {"why": "as said"}} for text in texts]
    with FunctionScorer("mine:score") as scorer:
        found = scorer.scores(rows)
    assert found == [
        Scored(1.0),
        Scored(None, "the scorer raised ValueError: no"),
        Scored(None, "the scorer raised SystemExit: 2"),
        Scored(None, "the scorer ended its process (exit code 3)"),
        Scored(1.0, "as said"),
        Scored(None, "the scorer returned str, not a number"),
        Scored(None, "the scorer returned NoneType, not a number"),
        Scored(None, "the scorer returned nan, not a finite number"),
        Scored(1.0),
    ]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("absent:score", "ModuleNotFoundError: No module named 'absent'"),
        ("mine:absent", "AttributeError"),
        ("mine:os", "os is not a function"),
    ],
)
def test_what_can_not_be_imported_is_said(spec: str, said: str) -> None:
    with pytest.raises(InputError) as raised, FunctionScorer(spec):
        pytest.fail("it was imported")
    assert f"{spec} can't be used as a scorer: {said}" in raised.value.message


def scored(*texts: str, limit_s: float = 60.0) -> list[Scored]:
    with FunctionScorer("mine:score", limit_s) as scorer:
        return scorer.scores([{"text": text} for text in texts])


def test_what_a_scorer_does_to_its_process_is_its_own() -> None:
    """It prints what looks like an answer, asks for input, forks: each row has its own score."""
    assert scored("print", "one", "fork", "ask", "one") == [
        Scored(0.25),
        Scored(1.0),
        Scored(0.0),
        Scored(None, "the scorer raised EOFError: EOF when reading a line"),
        Scored(1.0),
    ]


def test_whatever_can_be_a_float_is_a_score() -> None:
    found = scored("truth", "small", "exact", "third", "huge", "odd")
    assert [each.score for each in found] == [1.0, 0.5, 0.25, 0.25, None, 0.0]
    assert [each.reason for each in found[-2:]] == [
        "the scorer raised OverflowError: int too large to convert to float",
        "?\x00",
    ]


def test_a_row_that_takes_too_long_is_not_waited_for() -> None:
    process = scoring_process.ScoringProcess("mine:score")
    assert process.answer(60.0) is None
    process.ask([{"text": "hang"}])
    with pytest.raises(TimeoutError):
        process.answer(0.01)
    process.kill()
    assert process.end() == "signal 9"


class Hanging:
    """A process that hangs over some rows."""

    def __init__(self, _spec: str) -> None:
        self.rows: list[dict[str, str]] = [{"text": "imported"}]

    def ask(self, rows: list[dict[str, str]]) -> None:
        self.rows += rows

    def answer(self, _limit_s: float) -> tuple[float, None] | None:
        text = self.rows.pop(0)["text"]
        if text == "hang":
            raise TimeoutError
        return None if text == "imported" else (1.0, None)

    def kill(self) -> None:
        self.rows = []

    def end(self) -> str:
        return "signal 9"


def test_a_row_that_hangs_has_a_reason_and_the_rest_scores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After three of them, one after the other, no more are asked: all would take that long."""
    monkeypatch.setattr(function_scorer, "ScoringProcess", Hanging)
    found = scored("one", "hang", "hang", "one", "hang", "hang", "hang", "one", limit_s=5.0)
    hung = Scored(None, "the scorer took more than 5 s")
    assert found[:7] == [Scored(1.0), hung, hung, Scored(1.0), hung, hung, hung]
    assert found[7] == Scored(
        None, "the scorer took more than 5 s for each of 3 rows, so it was not asked any more"
    )


def test_a_scorer_that_does_not_let_its_process_end_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scoring_process, "END_S", 0.01)
    with FunctionScorer("mine:score") as scorer:
        found = scorer.scores([{"text": "stay"}])
    assert found == [Scored(1.0)]


def test_a_module_that_does_not_come_to_an_end_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function_scorer, "START_LIMIT_S", 0.01)
    (tmp_path / "slow.py").write_text("import threading\nthreading.Event().wait()\n")
    with pytest.raises(InputError) as raised, FunctionScorer("slow:score"):
        pytest.fail("it was imported")
    assert "its import took more than 0.01 s" in raised.value.message
