"""Functions of the user's, each in a process of its own."""

from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.reports.scores import Scored
from headrace.reports.scoring.function_scorer import FunctionScorer

pytestmark = pytest.mark.slow  # processes
MODULE = """
import os

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
