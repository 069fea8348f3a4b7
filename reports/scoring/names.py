"""Names of scores: each is a column in conditions, so it means nothing else there."""

import re
from collections.abc import Collection, Mapping

from headrace.jobs import AGGREGATES, OF_SAMPLES, InputError

from ..comparison import FIGURES as TREND_FIGURES
from ..objectives import FIGURES
from ..scores import TAKEN

NAME = re.compile(r"[a-z][a-z0-9_]*")
QUANTILE = re.compile(r"p[0-9]+")
# What means something in a condition already, beside columns, figures and functions.
WORDS = {"and", "or", "not", "base"}
CHARACTERS_MAX = 60


def checked_name(name: str) -> str:
    """The name of a score, which means nothing else in a condition. Raises InputError."""
    if not NAME.fullmatch(name) or len(name) > CHARACTERS_MAX:
        raise InputError(
            f"{name!r} can't be the name of a score; give --name with small letters, digits and _"
        )
    if what := _meaning(name):
        raise InputError(f"{name!r} is {what} already; give the score another name with --name")
    return name


def _meaning(name: str) -> str | None:
    taken: Mapping[str, Collection[str]] = {
        "a column": TAKEN,
        "a figure": {*FIGURES, *(each.name for each in TREND_FIGURES)},
        "a function": {*AGGREGATES, *OF_SAMPLES},
        "a word of conditions": WORDS,
    }
    if QUANTILE.fullmatch(name):
        return "a function"
    return next((what for what, names in taken.items() if name in names), None)
