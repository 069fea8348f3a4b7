"""One night from its start to its verdict: make, run, score, judge, report.

Each step may be done again: whatever was done already costs nothing the second time.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from headrace.jobs import (
    Expression,
    HeadraceError,
    InputError,
    parse_condition,
    printable,
    suggested,
)

from ..signals import ending_at_signals
from .budget import DailyBudget
from .eval_file import BASELINE, LAST_GOOD, EvalFile
from .runs_directory import BASELINE_NIGHTS, RunsDirectory, has_ended

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
    it. `files` are those that it left; none where it had not begun, or has its verdict already."""

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
        InterruptError: a signal came.

    Where one of these ends a night that has begun, it is said and is the outcome.
    """
    from headrace.reports import check_night, score_names

    names = score_names(eval_file.scores, eval_file.judge)
    require, beside_require = _conditions(eval_file, names)
    check_night(require, beside_require, names)
    for each in eval_file.beside:
        if each not in (LAST_GOOD, BASELINE) and not Path(each).is_dir():
            near = suggested(Path(each).name, (LAST_GOOD, BASELINE))
            near = near or "; name the directory of a run"
            raise InputError(f"beside: {each} is not there{near}")
    with RunsDirectory.open(eval_file.runs) as runs:
        day = _date(runs, orders, say)
        night = _Night(eval_file, orders, runs, day, names, (require, beside_require))
        try:
            with ending_at_signals("run the same command again to resume"):
                return night.resume(invoke)
        except HeadraceError as error:
            if night.stands_as_it_was() or not (runs.night(day) / "run.json").exists():
                raise
            say(f"Error: {error.format_message()}")
            return night.cut_short(error.exit_code, error.said)


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


class _Night:
    """A night of an eval, step by step."""

    def __init__(
        self,
        eval_file: EvalFile,
        orders: NightOrders,
        runs: RunsDirectory,
        day: str,
        names: Sequence[str],
        conditions: tuple[Sequence[Expression], Sequence[Expression]],
    ) -> None:
        self._eval_file = eval_file
        self._orders = orders
        self._runs = runs
        self._day = day
        self._names = names
        self._conditions = conditions
        self._run = runs.night(day)
        self._judged_as = _record(self._run) if runs.is_judged(day) else None
        budget = eval_file.budget
        self._budget = None if budget is None else DailyBudget(budget, runs, day, orders.now)

    def resume(self, invoke: Invoke) -> NightOutcome:
        """Do what is left to do: all of it, or what an earlier start had not done."""
        code = invoke("run", self._running())
        if self._run.is_dir():
            self._runs.link_latest()
        if code not in RAN_TO_ITS_END or not has_ended(self._run):
            return self.cut_short(code)
        if self._names and (code := invoke("score", self._scoring())):
            return self.cut_short(code)
        anew = self._runs.begin(self._day, self._eval_file.digest, rebase=self._orders.rebase)
        why = "--rebase" if self._orders.rebase else "the eval file changed"
        return self._judge([f"a new baseline begins with this night: {why}"] if anew else [])

    def cut_short(self, code: int, why: str = "") -> NightOutcome:
        """The outcome of a night that ended before its verdict, which it leaves a word of."""
        from headrace.reports import cut_night, write_cut_night

        if self.stands_as_it_was() or not (self._run / "run.json").exists():
            return NightOutcome(code, self._run)
        night = cut_night(
            self._run,
            date=self._day,
            eval_file=printable(self._eval_file.path),
            exit_code=code,
            why=why,
        )
        return NightOutcome(code, self._run, files=write_cut_night(night, self._run))

    def stands_as_it_was(self) -> bool:
        """Whether the night had its verdict before, and no session of its run has begun since: then
        what it left says what is so."""
        return self._judged_as is not None and self._judged_as == _record(self._run)

    def _running(self) -> list[str]:
        """What `run` is called with."""
        arguments = [f"--out={self._run}", *self._eval_file.flags]
        if self._eval_file.recipe is not None:
            arguments.append(f"--recipe={self._eval_file.recipe}")
        if self._budget is not None:
            arguments.append(f"--max-cost={self._budget.for_run():f}")
        return [*arguments, "--", self._eval_file.data]

    def _scoring(self) -> list[str]:
        """What `score` is called with."""
        arguments = [f"--with={spec}" for spec in self._eval_file.scores]
        if self._eval_file.judge is not None:
            arguments.append(f"--judge={self._eval_file.judge}")
            if self._budget is not None:
                arguments.append(f"--max-cost={self._budget.for_judge():f}")
        return [*arguments, "--", str(self._run)]

    def _judge(self, notes: Sequence[str]) -> NightOutcome:
        from headrace.reports import NightPlan, report_night, write_night

        runs, day = self._runs, self._day
        last_good, baseline = runs.last_good(day), runs.baseline(day)
        plan = NightPlan(
            run=self._run,
            date=day,
            eval_file=printable(self._eval_file.path),
            require=self._conditions[0],
            beside_require=self._conditions[1],
            bases=_bases(self._eval_file, runs, last_good, baseline),
            last_good=None if last_good is None else runs.night(last_good),
            baseline=baseline,
            baseline_nights=BASELINE_NIGHTS,
            notes=notes,
            score=next(iter(self._names), None),
        )
        report = report_night(plan)
        files = write_night(report, self._run, [runs.night(each) for each in runs.dates()])
        runs.judged(day, report.verdict)
        code = 0 if report.verdict == "good" else NOT_MET_EXIT_CODE
        return NightOutcome(code, self._run, report, files)


def _record(run: Path) -> bytes | None:
    """What run.json of a night says, which each session changes; None where there is none."""
    try:
        return (run / "run.json").read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {run / 'run.json'}: {error.strerror}") from error


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
            found.append(Base(Path(each).name, (Path(each),)))
    return found
