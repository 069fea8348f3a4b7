"""Messages without what differs from one request to the next, so that like ones can be counted."""

import re

_WORD = re.compile(r"[\w-]+")
_DIGITS = re.compile(r"\d+")
# A word as long as this with a digit in it is an id: no one counts or names anything so.
ID_CHARACTERS_MIN = 12


def masked(message: str) -> str:
    """The message with its digits and ids as #: two that differ in nothing else become equal."""
    return _WORD.sub(_masked_word, message)


def _masked_word(match: re.Match[str]) -> str:
    word = match.group()
    shorter = _DIGITS.sub("#", word)
    return "#" if len(word) >= ID_CHARACTERS_MIN and shorter != word else shorter
