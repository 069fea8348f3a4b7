"""The gate: a run judged by its objectives. What a nightly job ends with."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from headrace.jobs import Expression, InputError, parse_condition
from headrace.text_file import TextEncodingError, read_text

from .evaluate import open_figures
from .objective import Judgement, check_objective, judge
from .possible import score_ranges

GATE_SCHEMA_VERSION = 1
NOT_MET_EXIT_CODE = 4


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """Which run was judged, beside which, by what, and whether all of it was met."""

    schema_version: int
    run: str
    base: str | None
    currency: str | None
    met: bool
    objectives: list[Judgement]


def judge_run(
    directory: Path, objectives: Sequence[Expression], *, base: Path | None = None
) -> GateReport:
    """Judge a run by objectives, beside the run in `base` where one is given.

    Args:
        directory: the run to judge.
        objectives: what it must meet.
        base: the run that `base` in an objective stands for.

    Raises:
        InputError: one of the directories is not a run.
        ExpressionError: an objective has no meaning; said before either is read.
    """
    scores = score_ranges(directory)
    for each in objectives:
        check_objective(each, with_base=base is not None, scores=scores)
    figures = open_figures(directory)
    judged = judge(objectives, figures, None if base is None else open_figures(base))
    return GateReport(
        schema_version=GATE_SCHEMA_VERSION,
        run=str(directory),
        base=None if base is None else str(base),
        currency=figures.currency,
        met=all(each.met for each in judged),
        objectives=judged,
    )


def read_objectives(path: Path) -> list[Expression]:
    """Objectives from a file: one per line; empty lines and those that begin with # don't count.

    Raises InputError where it can't be read, and for a mistake, with its line.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except TextEncodingError as error:
        raise InputError(f"{path} is not UTF-8; write one objective per line") from error
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found.append(parse_condition(line.strip()))
            except InputError as error:
                raise InputError(
                    f"line {number} of {path}: {error.said}", details=error.details
                ) from error
    return found
