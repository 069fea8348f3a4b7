"""What a scorer says of one answer: a number, or why there is none."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec


class Scored(NamedTuple):
    """A score, null where the answer could not be scored, and then why; a scorer may say why of any
    score."""

    score: float | None
    reason: str | None = None


# (Without the value itself: reasons are counted by what they say.)
KINDS = {
    dict: "an object",
    list: "a list of other things",
    bool: "true or false",
    str: "text",
    int: "a number",
    float: "a number",
}
NOTHING_EXPECTED = Scored(None, "nothing is expected")
RIGHT, WRONG = Scored(1.0), Scored(0.0)


# Letters, digits and signs as wide as a Chinese character, and the ASCII ones that they are.
FULL_WIDTH = {0xFF01 + n: 0x21 + n for n in range(94)}


def is_nothing(expected: Any) -> bool:
    """Whether nothing is expected: no value, or any of none."""
    return expected is None or expected == []


def narrow(text: str) -> str:
    """A text with letters, digits and signs of full width as ASCII has them."""
    return text if text.isascii() else text.translate(FULL_WIDTH)


def options_of(expected: Any) -> list[Any]:
    """What an expected value may be: a list stands for any of what it holds."""
    return expected if isinstance(expected, list) else [expected]


def texts_of(expected: Any) -> list[str] | None:
    """The same as texts: numbers, true and false by their JSON text. None: some is neither."""
    options = options_of(expected)
    if not all(isinstance(each, str | int | float) for each in options):
        return None
    return list(_texts(options))


def _texts(options: list[Any]) -> Iterator[str]:
    for each in options:
        yield each if isinstance(each, str) else msgspec.json.encode(each).decode()


def wrong_type(expected: Any, wanted: str) -> Scored:
    """That what is expected is not what the scorer compares with."""
    said = KINDS[type(expected)]
    if isinstance(expected, float) and not math.isfinite(expected):
        said = "NaN or infinite"
    return Scored(None, f"what is expected is {said}, not {wanted}")


def any_of(found: bool) -> Scored:
    """1 where it is so, else 0."""
    return RIGHT if found else WRONG
