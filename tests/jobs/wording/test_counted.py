"""One job is not "1 jobs"."""

import re
from pathlib import Path

import pytest

from headrace.jobs import counted

ROOT = Path(__file__).parents[3]
# A number that is put before a noun in the plural, whatever it is: what `counted` is there for.
PLURAL = re.compile(
    r"\{(?!counted)[^{}]*?(?:\(\w*\))?(?::,)?\} (?:bad )?"
    r"(?:jobs|lines|requests|attempts|images)\b(?! per)(?!'}| were|/s)"
)
# A constant, the objects of a sentence about limits, or a number that one can't be.
NOT_ONE = {
    "demo.py",  # 2,000 jobs, and its own bad lines and limits
    "docstrings.py",
    "refusals.py",  # the first 5
    "headline.py",  # "All 5 jobs" beside "The one job"
    "read_journal.py",  # which says one line in other words
    "status.py",  # "3/60 requests"
    "settings.py",  # "-1 requests are not a run"
    "calibration_warnings.py",  # a rate
}


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (1200, "1,200 jobs")]
)
def test_a_number_has_its_noun(number: int, words: str) -> None:
    assert counted(number, "job") == words


def test_a_plural_may_be_another_word() -> None:
    assert counted(1, "reply", "replies") == "1 reply"
    assert counted(2, "reply", "replies") == "2 replies"


def test_no_room_writes_a_plural_by_itself() -> None:
    written = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for room in ("jobs", "runner", "reports")
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.name not in NOT_ONE
        for line in path.read_text(encoding="utf-8").splitlines()
        if 'f"' in line and (found := PLURAL.search(line)) is not None
    ]
    assert written == []
