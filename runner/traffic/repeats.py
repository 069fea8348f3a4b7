"""One load test several times in a row, or on two services in turn, to see how much runs differ.

Each is a load run with a directory of its own in the directory of them all: `01.run`, `02.run`, and
of two services `01-a.run`, `02-b.run`, `03-b.run`, `04-a.run`: a service that comes first in one
pair comes second in the next, so that whatever becomes slower by the hour hurts both alike.
`repeats.json` there is the report over all of them, written anew after each.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..record import storage
from ..secret import Secret
from .options import LoadOptions, LoadPlan, plan
from .shared_budget import FOR_MONEY, SPENT, SharedBudget
from .start import NOT_MET, NOT_VALID, JudgedLoad, requirement
from .steps import make_runs_directory, refuse_existing

if TYPE_CHECKING:
    from headrace.reports import GateReport, Repeat, Repeats

REPEATS = 2  # of two services, where nothing is said
SideName = Literal["a", "b"]
RunOnce = Callable[[LoadPlan], JudgedLoad]


class Against(NamedTuple):
    """The second service: where it is, and the key that is meant for it."""

    base_url: str
    key: Secret


class Turn(NamedTuple):
    """One run to be made: its number from 1, and which service it is sent to."""

    number: int
    side: SideName
    name: str


def turns(repeats: int, *, two: bool) -> Iterator[Turn]:
    """The runs in their order: of two services A, B, B, A, A, B and so on."""
    sides: list[SideName] = []
    for pair in range(repeats):
        if two:
            sides += ["b", "a"] if pair % 2 else ["a", "b"]
        else:
            sides.append("a")
    for number, side in enumerate(sides, 1):
        yield Turn(number, side, f"{number:02}-{side}.run" if two else f"{number:02}.run")


class Repeater:
    """Makes the runs, each with `run`; `look` is told of each.

    `exit_code` is that of the run that ended them all, else 6 where a measurement is not valid, 4
    where what is required is not met, and 1 where requests failed and nothing judges that.
    """

    def __init__(
        self,
        options: LoadOptions,
        key: Secret | None,
        directory: Path,
        *,
        repeats: int,
        against: Against | None,
        run: RunOnce,
        now: Callable[[], dt.datetime],
        look: Callable[["Repeat"], None] = lambda _run: None,
    ) -> None:
        refuse_existing(directory)
        self._options, self._key, self._directory = options, key, directory
        self._turns = list(turns(repeats, two=against is not None))
        self._repeats, self._against = repeats, against
        self._run, self._now, self._look = run, now, look
        self._started_at = now()
        self._runs: list[Repeat] = []
        self._required = [
            requirement(text, with_base=against is not None) for text in options.get("require", ())
        ]
        self._budget = SharedBudget(options.get("max_cost"))
        self._failed = False
        self._gate: GateReport | None = None
        self._reason: str | None = None
        self._base_url = ""
        self.exit_code = 0

    def repeat(self) -> "Repeats":
        """Make all runs. Raises InputError where one can't be planned, before any is made."""
        first = [self._plan(turn) for turn in self._turns[: 1 + (self._against is not None)]]
        self._base_url = first[0].settings.base_url
        make_runs_directory(self._directory, self._options)
        for turn in self._turns:
            if not self._make(turn):
                break
            self._report()
        return self._judged()

    def _make(self, turn: Turn) -> bool:
        """Make one run; whether there may be another."""
        from headrace.reports import read_repeat

        if self._budget.is_spent:
            self._end(FOR_MONEY, SPENT)
            return False
        planned = self._plan(turn)
        made = self._run(planned)
        found = read_repeat(planned.directory, turn.side)
        self._runs.append(found)
        reason = self._budget.take(made.outcome)
        self._failed = self._failed or bool(made.outcome.failed)
        self._look(found)
        if reason is not None:
            self._end(made.outcome.exit_code, reason)
            return False
        return True

    def _end(self, exit_code: int, reason: str) -> None:
        self.exit_code, self._reason = exit_code, reason

    def _plan(self, turn: Turn) -> LoadPlan:
        """The plan of one run. Each has prompts of its own, since a cache may know the others'."""
        seed, key = self._options.get("seed"), self._key
        asked: LoadOptions = {
            **self._options,
            **self._budget.share(),
            "require": (),
            "seed": None if seed is None else seed + turn.number - 1,
            "out": self._directory / turn.name,
        }
        if turn.side == "b" and self._against is not None:
            asked.pop("service", None)
            asked["base_url"], key = self._against.base_url, self._against.key
        return plan(asked, key, self._now())

    def _judged(self) -> "Repeats":
        """The report with the judgement, and the exit code of both."""
        from headrace.reports import JudgedSide, judge_side, judges_failures

        sides: dict[SideName, list[Path]] = {"a": [], "b": []}
        for run in self._runs:
            sides[run.side].append(Path(run.directory))
        name = str(self._directory)
        if self._required and sides["a"] and (sides["b"] or self._against is None):
            base = JudgedSide(f"{name} (B)", sides["b"]) if sides["b"] else None
            self._gate = judge_side(
                JudgedSide(name, sides["a"]),
                self._required,
                base=base,
                unclear=self._options.get("unclear", "point"),
            )
        if self._reason is None:
            failed = self._failed and not judges_failures(self._required)
            self.exit_code = self._code(failed=failed)
        return self._report()

    def _code(self, *, failed: bool) -> int:
        if any(run.verdict != "valid" for run in self._runs):
            return NOT_VALID
        if self._gate is not None and not self._gate.met:
            return NOT_MET
        return int(failed)

    def _report(self) -> "Repeats":
        from headrace.reports import RepeatsAsked, repeats_report, write_repeats

        asked = RepeatsAsked(
            directory=str(self._directory),
            started_at=self._started_at,
            repeats=self._repeats,
            base_url=self._base_url,
            against=None if self._against is None else self._against.base_url,
        )
        report = repeats_report(asked, self._runs, gate=self._gate, reason=self._reason)
        with storage(self._directory / "repeats.json"):
            write_repeats(report, self._directory)
        return report
