"""Figures in words."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from headrace.reports import wording
from headrace.reports.wording import (
    aligned,
    endpoint,
    money_to_read,
    percent,
    points,
    state_words,
)


def test_decimal_points_are_aligned() -> None:
    amounts = [Decimal("14.5"), Decimal("1.272558"), None, Decimal(1200)]
    assert aligned(amounts) == ["   14.5     ", "    1.272558", "    -       ", "1,200       "]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.048998123456", "0.048998 CNY"),
        ("12.345678", "12.346 CNY"),
        ("1234.5678", "1,234.57 CNY"),
        ("1234567", "1,234,567 CNY"),
        ("0.000000123456", "0.00000012346 CNY"),
        ("-0.0498", "-0.0498 CNY"),
        ("0", "0 CNY"),
        (None, "-"),
    ],
)
def test_an_amount_in_a_sentence_is_rounded_for_reading(amount: str | None, text: str) -> None:
    assert money_to_read(None if amount is None else Decimal(amount), "CNY") == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (9 / 14, "64.3%"),
        (0.0, "0.0%"),
        (1.0, "100.0%"),
        (0.9999, "99.990%"),
        (0.00002, "0.002%"),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is(share: float, text: str) -> None:
    assert percent(share) == text


def test_differences_of_shares_are_in_percentage_points() -> None:
    assert (points(-0.15), points(0.02)) == ("-15.0 pp", "+2.0 pp")


def test_endpoints_have_short_names() -> None:
    assert endpoint("/v1/chat/completions") == "chat"
    assert endpoint("/v1/messages") == "messages"
    assert endpoint("/other") == "/other"
    assert endpoint("/v1/audio/speech") == "audio/speech"


def test_nothing_resumes_a_load_run() -> None:
    assert state_words("crashed", kind="load") == "was killed"
    resumed = "was killed; run the same command again to resume"
    assert state_words("crashed", kind="bulk") == resumed


def test_only_the_commands_and_the_face_reach_for_the_terminal() -> None:
    """The page and Markdown took their words from what prints, and loaded rich for them."""
    rooms = Path(wording.__file__).parent
    taking = [
        path.relative_to(rooms).as_posix()
        for path in rooms.rglob("*.py")
        if path.parent.name != "terminal"
        and re.search(r"from \.+terminal\b", path.read_text(encoding="utf-8"))
    ]
    assert {Path(each).name for each in taking} == {"__init__.py", "cli.py", "compare_cli.py"}


def test_attempts_are_counted_as_one_says_it() -> None:
    said = [wording.attempt_words(*each) for each in ((0, 0), (1, 0), (7, 1), (1200, 30))]
    assert said == [
        "nothing was sent",
        "1 attempt, no retries",
        "7 attempts, 1 of them a retry",
        "1,200 attempts, 30 of them retries",
    ]
    said = [wording.attempt_words(*each) for each in ((9, 0, 2), (9, 1, 2), (9, 3, 1))]
    assert said == [
        "9 attempts, 2 of them to ask again, no retries",
        "9 attempts, 2 of them to ask again, 1 a retry",
        "9 attempts, 1 of them to ask again, 3 retries",
    ]
