"""Scorers by name: what `--with` takes, such as `exact`, `number:1e-6` and `module:function`."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NamedTuple

from headrace.jobs import InputError, or_listed

from .choice import LETTERS, choice, chosen_letter
from .f1 import f1, words_of
from .number import last_number, number
from .score import Scored
from .text_scorers import canonical, contains, exact, json, json_in, regex

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class Scorer(NamedTuple):
    """A scorer and what it is called.

    Args:
        name: its own, which its scores have unless they are given another.
        spec: as `--with` takes it, which tells one scorer from another.
        score: of an answer's text beside the value that is expected; None where a process of its
            own does it.
        reading: what an answer comes to, where two that differ may mean the same.
    """

    name: str
    spec: str
    score: Callable[[str, Any], Scored] | None
    reading: Callable[[str], Any] = str.strip


def _plain(
    score: Callable[[str, Any], Scored], reading: Callable[[str], Any] = str.strip
) -> Callable[[str], tuple[Callable[[str, Any], Scored], Callable[[str], Any]]]:
    def made(argument: str) -> tuple[Callable[[str, Any], Scored], Callable[[str], Any]]:
        if argument:
            raise InputError("it takes nothing after its name")
        return score, reading

    return made


Made = tuple[Callable[[str, Any], Scored], Callable[[str], Any]]


def _regex(argument: str) -> Made:
    if not argument:
        return regex, str.strip
    try:
        re.compile(argument)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"the pattern can't be used: {error}") from error
    return partial(regex, pattern=argument), str.strip


def _number(argument: str) -> Made:
    try:
        tolerance = Decimal(argument or "0")
    except InvalidOperation:
        tolerance = Decimal(-1)
    if not tolerance.is_finite() or tolerance < 0:
        raise InputError("after the colon stands how far a number may be off, such as number:0.01")
    return partial(number, tolerance=tolerance), _number_reading


def _choice(argument: str) -> Made:
    letters = (argument or LETTERS).upper()
    if not letters.isascii() or not letters.isalpha() or len(set(letters)) < len(letters):
        raise InputError("after the colon stand the letters, each once, such as choice:ABCDE")
    return partial(choice, letters=letters), partial(chosen_letter, letters=letters)


def _number_reading(text: str) -> Any:
    found = last_number(text)
    return found if found is None else found.normalize()


def _json_reading(text: str) -> Any:
    found, value = json_in(text)
    return canonical(value) if found else text.strip()


SCORERS: Mapping[str, Callable[[str], Made]] = {
    "exact": _plain(exact),
    "contains": _plain(contains),
    "regex": _regex,
    "number": _number,
    "choice": _choice,
    "json": _plain(json, _json_reading),
    "f1": _plain(f1, lambda text: " ".join(words_of(text))),
}


def reading_of(spec: str | None) -> Callable[[str], Any]:
    """What a scorer reads out of an answer: of one that isn't known, its text."""
    try:
        return str.strip if spec is None else scorer_of(spec).reading
    except InputError:
        return str.strip  # a judge, or a scorer of a later headrace


def scorer_of(spec: str) -> Scorer:
    """The scorer that a text names, such as "exact", "regex:^4[0-9]$" or "module:function".

    Raises InputError where there is no such scorer.
    """
    kind, _, argument = spec.partition(":")
    if kind in SCORERS:
        try:
            score, reading = SCORERS[kind](argument)
        except InputError as error:
            raise InputError(f"--with {spec}: {error.message}") from error
        return Scorer(kind, spec, score, reading)
    if not FUNCTION.fullmatch(spec):
        known = or_listed(kind, [*SCORERS, "module:function"])
        raise InputError(f"--with {spec}: not a scorer{known}")
    return Scorer(spec.rpartition(":")[2], spec, None)
