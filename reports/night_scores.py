"""What the scores of a night are called in its conditions."""

from collections.abc import Sequence
from pathlib import Path

from headrace.jobs import InputError

from .scores import scorer_of
from .scoring import checked_name, read_judge


def score_names(specs: Sequence[str], judge: Path | None = None) -> list[str]:
    """The name of each score, the judge's last.

    Args:
        specs: scorers, as `headrace score --with` takes them.
        judge: the file of a judge.

    Raises:
        InputError: there is no such scorer, a name means something else in a condition, or two
            scores have one name.
    """
    names = [checked_name(scorer_of(spec).name) for spec in specs]
    if judge is not None:
        names.append(checked_name(read_judge(judge).name))
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise InputError(f"two scores are called {twice}; keep one of them")
    return names
