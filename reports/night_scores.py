"""What the scores of a night are called in its conditions."""

from collections.abc import Sequence

from headrace.jobs import InputError

from .scores import scorer_of
from .scoring import checked_name


def score_names(specs: Sequence[str]) -> list[str]:
    """The name of each score. Raises InputError for a scorer that there is not, a name that means
    something else in a condition, and two scores of one name."""
    names = [checked_name(scorer_of(spec).name) for spec in specs]
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise InputError(f"two scores are called {twice}; keep one of them")
    return names
