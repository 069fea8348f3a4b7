"""The scorer number: the last number of an answer, as answers to GSM8K are read (K. Cobbe et al.,
"Training Verifiers to Solve Math Word Problems", 2021), beside the number that is expected."""

import math
import re
from decimal import Decimal
from typing import Any

from .score import NOTHING_EXPECTED, Scored, any_of, is_nothing, narrow, options_of, wrong_type

# A sign is one only where no word, number or bracket ends before it: 10-5 is a difference.
# (Of words only ASCII ones: in scripts without blanks a number stands right behind a word.)
NUMBER = re.compile(
    r"(?:(?<![\w.)\]])[-+\u2212])?"
    r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+)"
    r"(?:[eE][-+\u2212]?\d{1,4}(?!\w))?",
    re.ASCII,
)
# Of longer ones these many digits are more than any double has.
DIGITS_MAX = 400


def number(text: str, expected: Any, tolerance: Decimal = Decimal(0)) -> Scored:
    """1 where the last number of the answer is the one expected, or is no further from it.

    Args:
        text: the answer; without a number it scores 0.
        expected: a number, or text with one; any of a list.
        tolerance: how far it may be from it, exactly.
    """
    if is_nothing(expected):
        return NOTHING_EXPECTED
    wanted = [_wanted(each) for each in options_of(expected)]
    if any(each is None for each in wanted):
        return wrong_type(expected, "a number")
    found = last_number(text)
    if found is None:
        return Scored(0.0, "the answer has no number")
    return any_of(any(_near(found, each, tolerance) for each in wanted if each is not None))


def last_number(text: str) -> Decimal | None:
    """The last number of a text: 1,234.5, -3, .5, 6e23, also of full width; None without any."""
    found = [each[0] for each in NUMBER.finditer(narrow(text))]
    if not found or len(found[-1]) > DIGITS_MAX:
        return None
    return Decimal(found[-1].replace(",", "").replace("\u2212", "-"))


def _wanted(expected: Any) -> Decimal | None:
    if isinstance(expected, bool):
        return None
    if isinstance(expected, int):
        return Decimal(expected)
    if isinstance(expected, float):
        return Decimal(str(expected)) if math.isfinite(expected) else None
    return last_number(expected) if isinstance(expected, str) else None


def _near(one: Decimal, other: Decimal, tolerance: Decimal) -> bool:
    return one == other or (tolerance > 0 and abs(one - other) <= tolerance)
