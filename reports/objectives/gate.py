"""The gate: a run judged by its objectives. What a nightly job ends with."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from headrace.jobs import Expression, InputError, LoadVerdict, parse_condition
from headrace.text_file import TextEncodingError, read_text

from ..figures import Summary, data_json
from ..repeat_runs import runs_in
from .client_error import depending_on_client
from .estimates import RunEstimates
from .evaluate import Figures
from .objective import Judgement, check_objective, judge
from .outcome import Unclear, Weigher
from .ranges import score_ranges
from .repeated import RepeatedEstimates
from .same_scorers import check_scorers
from .weighing import LEVEL

GATE_SCHEMA_VERSION = 1
NOT_MET_EXIT_CODE = 4
NOT_VALID_EXIT_CODE = 6


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """Which run was judged, beside which, by what, and whether all of it was met.

    `unclear` says what objectives counted as whose intervals, of this `level`, hold their limit;
    `holm` whether the level is that of all objectives together. `verdict` is a load run's, with why
    it is not valid; what depends on its client counts as not met.
    """

    schema_version: int
    run: str
    base: str | None
    currency: str | None
    met: bool
    objectives: list[Judgement]
    unclear: Unclear = "point"
    level: float = LEVEL
    holm: bool = False
    verdict: str | None = None
    verdict_why: list[str] = []

    @property
    def exit_code(self) -> int:
        """Of the command: not valid comes before not met."""
        if any(each.depends_on_client for each in self.objectives):
            return NOT_VALID_EXIT_CODE
        return 0 if self.met else NOT_MET_EXIT_CODE


def judge_run(
    directory: Path,
    objectives: Sequence[Expression],
    *,
    base: Path | None = None,
    unclear: Unclear = "point",
    level: float = LEVEL,
    holm: bool = False,
) -> GateReport:
    """Judge a run by objectives, beside the run in `base` where one is given.

    An objective is missed where its whole interval lies beyond the condition. With `unclear` "met"
    a run at its limit fails by chance in at most (1 - level) / 2 of cases for each objective, with
    `holm` for all of them together: `level=one_sided(0.01), holm=True` is a test at 1 %.

    Args:
        directory: the run to judge, or repeats of a load test, which are judged as one.
        objectives: what it must meet.
        base: the run that `base` in an objective stands for, or repeats.
        unclear: what an objective counts as whose interval holds its limit: met, missed, or
            (point) what its figures say as they came out.
        level: the two-sided confidence of the intervals.
        holm: whether to count all objectives that are estimates (S. Holm, Scandinavian Journal of
            Statistics 6, 1979).

    Raises:
        InputError: one of the directories is not a run.
        ExpressionError: an objective has no meaning; said before either is read.
    """
    run = JudgedSide(str(directory), runs_in([directory]))
    beside = None if base is None else JudgedSide(str(base), runs_in([base]))
    return judge_side(run, objectives, base=beside, unclear=unclear, level=level, holm=holm)


class JudgedSide(NamedTuple):
    """A run, or several of the same kind that are judged as one, and what they are called."""

    name: str
    runs: Sequence[Path]


def judge_side(
    side: JudgedSide,
    objectives: Sequence[Expression],
    *,
    base: JudgedSide | None = None,
    unclear: Unclear = "point",
    level: float = LEVEL,
    holm: bool = False,
) -> GateReport:
    """Judge several runs as one, each of them one observation of its figures; else as `judge_run`.

    Args:
        side: the runs to judge.
        objectives: what they must meet.
        base: the runs that `base` in an objective stands for.
        unclear: as `judge_run` has it, and the others too.
        level: likewise.
        holm: likewise.

    Raises:
        InputError: one of the directories is not a run, or a score of the base was made in another
            way.
        ExpressionError: an objective has no meaning.
    """
    scores = score_ranges(side.runs[0])
    for each in objectives:
        check_objective(each, with_base=base is not None, scores=scores)
    every = list(map(RunEstimates.of_directory, side.runs))
    run = as_one(every)
    before = None if base is None else as_one(list(map(RunEstimates.of_directory, base.runs)))
    beside = None if before is None else before.figures
    if before is not None:
        check_scorers(objectives, run.run, before.run)
    points = judge(objectives, run.figures, beside)
    weighed = Weigher(objectives, run, before, level=level).weigh(points, unclear, holm=holm)
    judged = [
        msgspec.structs.replace(each, depends_on_client=depends)
        for each, depends in zip(
            weighed, _depending(objectives, every, beside, points), strict=True
        )
    ]
    verdict = _verdict_of(every)
    return GateReport(
        schema_version=GATE_SCHEMA_VERSION,
        run=side.name,
        base=None if base is None else base.name,
        currency=run.figures.currency,
        met=all(each.met and not each.depends_on_client for each in judged),
        objectives=judged,
        unclear=unclear,
        level=level,
        holm=holm,
        verdict=None if verdict is None else verdict.verdict,
        verdict_why=[] if verdict is None else verdict.why,
    )


def as_one(runs: Sequence[RunEstimates]) -> RunEstimates:
    """The estimates of one run, or of several that are judged as one."""
    return runs[0] if len(runs) == 1 else RepeatedEstimates(runs)


def _depending(
    objectives: Sequence[Expression],
    runs: Sequence[RunEstimates],
    base: Figures | None,
    points: Sequence[Judgement],
) -> list[bool]:
    """Which judgements the client of any run may have decided: of several, in that run's own."""
    every = []
    for each in runs:
        own = points if len(runs) == 1 else judge(objectives, each.figures, base)
        every.append(depending_on_client(objectives, each.run, each.summary, base, own))
    return [any(found) for found in zip(*every, strict=True)]


def _verdict_of(runs: Sequence[RunEstimates]) -> LoadVerdict | None:
    """A load run's; of several the first that is not valid, if any is not."""
    found = [each.summary.load.verdict for each in runs if each.summary.load is not None]
    return next((each for each in found if not each.valid), found[0] if found else None)


def gated_summary_json(summary: Summary, report: GateReport) -> bytes:
    """The summary as indented JSON, with the judgement under `gate`.

    Args:
        summary: that of the run.
        report: how the run was judged.
    """
    names = zip(summary.__struct_encode_fields__, summary.__struct_fields__, strict=True)
    shown = {key: getattr(summary, name) for key, name in names}
    said = {key: value for key, value in shown.items() if value is not msgspec.UNSET}
    return data_json({**said, "gate": report})


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
