"""One night from its start to its verdict: make, run, score, judge, report.

Each step may be done again: whatever was done already costs nothing the second time.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from headrace.jobs import Expression, InputError, parse_condition, printable

from ..errors import OutOfMoneyError
from .eval_file import BASELINE, LAST_GOOD, EvalFile
from .runs_directory import BASELINE_NIGHTS, RunsDirectory, manifest_of

if TYPE_CHECKING:
    from headrace.reports import Base, NightReport

NOT_MET_EXIT_CODE = 4
# So many of the answers have to be scored, unless the eval file says something else of it.
SCORED = "scored_share >= 0.99"
# Exit codes of `run` after which there is a night to judge.
RAN_TO_ITS_END = (0, 1)

# Does what a command of that name does with these arguments, and returns its exit code.
Invoke = Callable[[str, Sequence[str]], int]


class NightOutcome(NamedTuple):
    """How a night ended: `report` is None where it was cut short, and then the next start resumes
    it. `files` are those that it left."""

    exit_code: int
    run: Path
    report: "NightReport | None" = None
    files: Sequence[Path] = ()


class NightOrders(NamedTuple):
    """What the start of a night says.

    Args:
        now: when it is, in UTC.
        date: the night's, where it is not that of `now`.
        rebase: whether a new baseline begins.
    """

    now: datetime
    date: str | None = None
    rebase: bool = False


def run_night(
    eval_file: EvalFile, orders: NightOrders, invoke: Invoke, say: Callable[[str], None]
) -> NightOutcome:
    """Run and judge a night, or resume one.

    Raises:
        InputError: something can't be used.
        OutOfMoneyError: the budget of the day is spent.
    """
    from headrace.reports import check_night, score_names

    names = score_names(eval_file.scores, eval_file.judge)
    require, beside_require = _conditions(eval_file, names)
    check_night(require, beside_require, names)
    with RunsDirectory.open(eval_file.runs) as runs:
        day = _date(runs, orders, say)
        run = runs.night(day)
        code = invoke("run", _arguments(eval_file, runs, day))
        if run.is_dir():
            runs.link_latest()
        if not _ended(run, code):
            return NightOutcome(code, run)
        if names and (code := invoke("score", _scoring(eval_file, run))):
            return NightOutcome(code, run)
        anew = runs.begin(day, eval_file.digest, rebase=orders.rebase)
        notes = [f"a new baseline begins with this night: {_why(orders)}"] if anew else []
        return _judge(eval_file, runs, day, (require, beside_require), notes)


def _conditions(
    eval_file: EvalFile, names: Sequence[str]
) -> tuple[list[Expression], list[Expression]]:
    """What the night must meet, and what it must beside other nights."""
    require = list(eval_file.require)
    if names and not any("scored_share" in each.text for each in require):
        require.append(parse_condition(SCORED))
    if eval_file.beside_require is not None:
        return require, list(eval_file.beside_require)
    return require, [parse_condition(f"mean({name}) >= base") for name in names]


def _date(runs: RunsDirectory, orders: NightOrders, say: Callable[[str], None]) -> str:
    if orders.date is not None:
        return orders.date
    unfinished = runs.unfinished(orders.now)
    today = f"{orders.now.astimezone(UTC):%Y-%m-%d}"
    if unfinished is None or unfinished == today:
        return today
    say(f"Resuming the night of {unfinished}, which was cut short.")
    return unfinished


def _arguments(eval_file: EvalFile, runs: RunsDirectory, day: str) -> list[str]:
    """What `run` is called with."""
    run = runs.night(day)
    arguments = [f"--out={run}", *eval_file.flags]
    if eval_file.recipe is not None:
        arguments.append(f"--recipe={eval_file.recipe}")
    if eval_file.budget is not None:
        arguments.append(f"--max-cost={_may_cost(eval_file.budget, runs, day)}")
    return [*arguments, "--", eval_file.data]


def _may_cost(budget: Decimal, runs: RunsDirectory, day: str) -> Decimal:
    """What the night may come to, all its sessions together, so that its day keeps to the budget.
    Raises OutOfMoneyError where nothing is left."""
    from headrace.reports import spent_by

    others = [runs.night(each) for each in runs.dates() if each != day]
    spent = spent_by(runs.night(day), others, date.fromisoformat(day))
    left = budget - spent.on_day
    if left <= 0 and not _has_ended(runs.night(day)):
        raise OutOfMoneyError(
            f"the budget of {day} is spent: its runs in {runs.path} come to {spent.on_day:f} "
            f"of {budget:f} (max-cost in [run])"
        )
    # A night that is done sends nothing more; its cost stands.
    return spent.by_night + max(left, Decimal(0)) or budget


def _has_ended(run: Path) -> bool:
    manifest = manifest_of(run)
    return manifest is not None and manifest.sessions[-1].state == "finished"


def _ended(run: Path, code: int) -> bool:
    """Whether the run came to its end, so that there is something to judge."""
    return code in RAN_TO_ITS_END and _has_ended(run)


def _scoring(eval_file: EvalFile, run: Path) -> list[str]:
    return [
        *(f"--with={spec}" for spec in eval_file.scores),
        *([] if eval_file.judge is None else [f"--judge={eval_file.judge}"]),
        "--",
        str(run),
    ]


def _why(orders: NightOrders) -> str:
    return "--rebase" if orders.rebase else "the eval file changed"


def _judge(
    eval_file: EvalFile,
    runs: RunsDirectory,
    day: str,
    conditions: tuple[Sequence[Expression], Sequence[Expression]],
    notes: Sequence[str],
) -> NightOutcome:
    from headrace.reports import NightPlan, report_night, score_names, write_night

    run, last_good, baseline = runs.night(day), runs.last_good(day), runs.baseline(day)
    plan = NightPlan(
        run=run,
        date=day,
        eval_file=printable(eval_file.path),
        require=conditions[0],
        beside_require=conditions[1],
        bases=_bases(eval_file, runs, last_good, baseline),
        last_good=None if last_good is None else runs.night(last_good),
        baseline=baseline,
        baseline_nights=BASELINE_NIGHTS,
        notes=notes,
        score=next(iter(score_names(eval_file.scores, eval_file.judge)), None),
    )
    report = report_night(plan)
    files = write_night(report, run, [runs.night(each) for each in runs.dates()])
    runs.judged(day, report.verdict)
    return NightOutcome(0 if report.verdict == "good" else NOT_MET_EXIT_CODE, run, report, files)


def _bases(
    eval_file: EvalFile, runs: RunsDirectory, last_good: str | None, baseline: Sequence[str]
) -> "list[Base]":
    """What the night is held beside. The baseline of one night that is the last good one, too, is
    one base: to ask the same twice would only cost certainty."""
    from headrace.reports import Base

    found = []
    for each in eval_file.beside:
        if each == LAST_GOOD:
            twice = BASELINE in eval_file.beside and [last_good] == list(baseline)
            if last_good is not None and not twice:
                found.append(Base(LAST_GOOD, (runs.night(last_good),)))
        elif each == BASELINE:
            if baseline:
                found.append(Base(BASELINE, tuple(runs.night(date) for date in baseline)))
        else:
            if not Path(each).is_dir():
                raise InputError(f"beside: {each} is not there; name the directory of a run")
            found.append(Base(Path(each).name, (Path(each),)))
    return found
