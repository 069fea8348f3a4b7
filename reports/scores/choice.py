"""The scorer choice: the letter that an answer chooses, as multiple-choice tests such as MMLU are
scored (D. Hendrycks et al., "Measuring Massive Multitask Language Understanding", ICLR 2021)."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from .score import NOTHING_EXPECTED, Scored, any_of, is_nothing, narrow, options_of, wrong_type

LETTERS = "ABCD"
# What may stand around a letter without being part of a word: Markdown, quotes, LaTeX.
# (Of so many of them, since what is tried grows with their square.)
AROUND = r"[\s*_`\"'$\[({]{0,8}(?:\\boxed\{|\\text\{|\\mathbf\{)?[\s*_`\"'$\[({]{0,8}"
# What a letter beside it makes a word. Scripts without blanks have letters right beside words.
WORD = r"[^\W\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff]"


class _Patterns(NamedTuple):
    """The ways to choose a letter, the plainest first."""

    alone: re.Pattern[str]
    stated: re.Pattern[str]
    bracketed: re.Pattern[str]
    lone: re.Pattern[str]


@lru_cache
def _patterns(letters: str) -> _Patterns:
    upper = re.escape(letters.upper())
    either = re.escape(letters.upper() + letters.lower())
    return _Patterns(
        re.compile(rf"[\s\W_]*([{either}])[\s\W_]*"),
        re.compile(
            rf"(?i:\banswer(?:\s+is|\s*[:=])(?:\s*[:=])?\s*(?:(?:option|choice)\b)?){AROUND}"
            rf"(?:([{upper}])(?!{WORD}|'{WORD})|([{either}])(?=\s*(?:$|[^\w\s'])))"
        ),
        re.compile(rf"\(([{either}])\)"),
        # "A" and "I" before a word are words themselves.
        re.compile(rf"(?<!{WORD})(?<!['’])(?![AI]\s+[^\W\d_])([{upper}])(?!{WORD}|['’])"),
    )


def choice(text: str, expected: Any, letters: str = LETTERS) -> Scored:
    """1 where the answer chooses the letter that is expected, or one of them.

    Args:
        text: the answer; where it chooses none, it scores 0.
        expected: a letter, in either case, with or without brackets; any of a list.
        letters: those that there are.
    """
    if is_nothing(expected):
        return NOTHING_EXPECTED
    wanted = {narrow(str(each)).strip(" ().").upper() for each in options_of(expected)}
    if not all(len(each) == 1 and each in letters.upper() for each in wanted):
        return wrong_type(expected, f"one of {', '.join(letters.upper())}")
    found = chosen_letter(text, letters)
    if found is None:
        return Scored(0.0, "the answer chooses no letter")
    return any_of(found in wanted)


def chosen_letter(text: str, letters: str = LETTERS) -> str | None:
    """The letter that a text chooses: it is all of it, or "answer is X", or "(X)", or one that
    stands alone; of several of a kind the last. None: no letter."""
    alone, stated, bracketed, lone = _patterns(letters)
    text = narrow(text)
    if (whole := alone.fullmatch(text)) is not None:
        return str(whole[1]).upper()
    for pattern in (stated, bracketed, lone):
        if found := list(pattern.finditer(text)):
            return str(next(group for group in found[-1].groups() if group)).upper()
    return None
