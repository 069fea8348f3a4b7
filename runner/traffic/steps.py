"""Several load runs in a row: a sweep over given loads, or a search for the highest load.

Each step is a load run with a directory of its own, `NN-LOAD.run`, in the directory of them all;
`steps.json` there is the report over all of them, written anew after each.
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from headrace.jobs import Expression, InputError, check_path, counted, parse_condition

from ..defaults import WARMUP_S
from ..record import DIRECTORY_MODE, making, storage
from ..secret import Secret
from ..session import RunOutcome
from .curve import parse_rate
from .options import LoadOptions, LoadPlan, plan
from .search import (
    Certainty,
    LoadSearch,
    SearchResult,
    Trial,
    search_over_rates,
    search_over_users,
)
from .shared_budget import FOR_MONEY, SPENT, SharedBudget
from .start import NOT_VALID

if TYPE_CHECKING:
    from headrace.reports import Step, Steps

# A step's length where nothing says it: so many requests, and no less than this time.
STEP_REQUESTS = 100
STEP_S = 2.0
# Of a search over users: requests per user, and rounds of all of them before any counts: so many
# where it is made again, and fewer than it was enough for.
REQUESTS_EACH = 10
ROUNDS_WARM = 4.0
ROUNDS_AT_LEAST = 2.0
# What the search is told of a step's outcome; the others are the client's.
DECIDED: dict[str | None, Certainty] = {"met": "met", "missed": "not met", "unclear": "unclear"}
_USERS = re.compile(r"[1-9]\d{0,6}", re.ASCII)
UNDECIDED: dict[str | None, str] = {
    "client-limited": "the client is the limit at {}",
    "unknown": "too little is known of the client at {}",
}


class StepLoad(NamedTuple):
    """What one step is asked for: a rate or users, and its length as a multiple of the whole."""

    rate_per_s: float | None = None
    users: int | None = None
    size: float = 1.0

    @property
    def shown(self) -> str:
        """In a sentence."""
        if self.rate_per_s is not None:
            return f"{self.rate_per_s:.4g}/s"
        return counted(self.users or 0, "user")

    @property
    def name(self) -> str:
        """For the step's directory."""
        return f"{self.rate_per_s:.4g}" if self.rate_per_s is not None else f"{self.users}-users"


class Search(NamedTuple):
    """What is searched: the highest rate, or number of users, that meets an objective, from `first`
    on. A whole step has `needed` requests."""

    objective: Expression
    needed: int
    first: float
    precision: float
    highest: float | None
    over_users: bool = False

    def trials(self) -> LoadSearch:
        """The search itself, which has tried nothing yet."""
        if not self.over_users:
            return search_over_rates(
                self.first, precision=self.precision, highest_per_s=self.highest
            )
        highest = None if self.highest is None else int(self.highest)
        return search_over_users(int(self.first), precision=self.precision, highest=highest)

    def load(self, trial: Trial) -> StepLoad:
        """The step of a trial."""
        if self.over_users:
            return StepLoad(users=int(trial.load), size=trial.size)
        return StepLoad(rate_per_s=trial.load, size=trial.size)


RunStep = Callable[[LoadPlan], RunOutcome]


def parse_loads(text: str) -> list[StepLoad]:
    """The loads of a sweep: `10/s, 20/s, 40/s`, or numbers of users: `8, 16, 32`.

    Raises InputError.
    """
    found = []
    for part in (each.strip() for each in text.split(",")):
        if _USERS.fullmatch(part):
            found.append(StepLoad(users=int(part)))
        elif part.endswith("/s") and (rate := parse_rate(part)) > 0:
            found.append(StepLoad(rate_per_s=rate))
        else:
            raise InputError(
                f"--sweep has {part!r}; write rates such as '10/s, 20/s' or users such as '8, 16'"
            )
    if len({each.users is None for each in found}) > 1:
        raise InputError("--sweep has rates and users; write either")
    if len(set(found)) < len(found):
        raise InputError("--sweep has the same load twice")
    return found


class Stepper:
    """Makes the steps of one measurement, each with `run`; `look` is told of each.

    `exit_code` is 6 where a step's measurement is not valid, and that of the run that ended them
    all.
    """

    def __init__(
        self,
        options: LoadOptions,
        key: Secret | None,
        directory: Path,
        *,
        kind: Literal["sweep", "find"],
        run: RunStep,
        now: Callable[[], dt.datetime],
        look: Callable[["Step"], None] = lambda _step: None,
    ) -> None:
        refuse_existing(directory)
        self._options, self._key, self._directory = options, key, directory
        self._kind: Literal["sweep", "find"] = kind
        self._run, self._now, self._look = run, now, look
        self._started_at = now()
        self._budget = SharedBudget(options.get("max_cost"))
        self._steps: list[Step] = []
        self._objective: Expression | None = None
        self._found = SearchResult(None, None, ())
        self._search: Search | None = None
        self._needed = STEP_REQUESTS
        self._warmup_s = options.get("warmup_s", WARMUP_S)
        self.exit_code = 0
        self._reason: str | None = None

    def sweep(self, loads: Sequence[StepLoad]) -> "Steps":
        """A step for each load, in their order. Raises InputError where one can't be planned."""
        for load in loads:  # all of them are checked before any is made
            self._plan(load, self._directory)
        make_runs_directory(self._directory, self._options)
        for load in loads:
            if self._step(load) is None:
                break
        return self._report()

    def find(self, search: Search) -> "Steps":
        """Steps until the highest load that meets the objective is known.

        A step whose client may have decided whether the objective was met is made once more; then
        the search ends.
        """
        self._search, self._objective = search, search.objective
        self._needed = max(STEP_REQUESTS, search.needed)
        trials = search.trials()
        first = trials.next()
        assert first is not None
        self._plan(search.load(first), self._directory)
        make_runs_directory(self._directory, self._options)
        while (trial := trials.next()) is not None:
            load = search.load(trial)
            step = self._warm_step(load)
            if step is not None and step.outcome not in DECIDED:
                step = self._step(load)
            if step is None:
                break
            if step.outcome not in DECIDED:
                self._reason = UNDECIDED[step.outcome].format(load.shown)
                self.exit_code = NOT_VALID
                break
            trials.tell(DECIDED[step.outcome])
            self._found = trials.found
        return self._report()

    def _warm_step(self, load: StepLoad) -> "Step | None":
        """A step in which all users were under way before anything was measured: where the warm-up
        was too short for that, and it did not miss anyway, it is made again with a longer one.

        How long users take to come round again is their number by the throughput (J. Little, 1961).
        """
        step = self._step(load)
        if step is None or load.users is None or step.outcome == "missed":
            return step
        round_s = load.users / step.requests_per_s if step.requests_per_s else 0.0
        if self._warmup_s >= ROUNDS_AT_LEAST * round_s:
            return step
        self._warmup_s = ROUNDS_WARM * round_s
        return self._step(load)

    def _step(self, load: StepLoad) -> "Step | None":
        """Make one step; None where the measurement is to end here."""
        from headrace.reports import read_step

        if self._budget.is_spent:
            self.exit_code, self._reason = FOR_MONEY, SPENT
            return None
        directory = self._directory / f"{len(self._steps) + 1:02}-{load.name}.run"
        outcome = self._run(self._plan(load, directory))
        step = read_step(directory, self._objective, size=load.size)
        self._steps.append(step)
        self._look(step)
        self._report()
        if self._kind == "sweep" and step.verdict != "valid":
            self.exit_code = NOT_VALID
        return None if self._ends(outcome) else step

    def _ends(self, outcome: RunOutcome) -> bool:
        """Whether this outcome ends them all: whatever a service that answers didn't cause."""
        self._reason = self._budget.take(outcome)
        if self._reason is None:
            return False
        self.exit_code = outcome.exit_code
        return True

    def _plan(self, load: StepLoad, directory: Path) -> LoadPlan:
        options = self._options
        duration_s, requests = options.get("duration_s"), options.get("requests")
        if duration_s is not None:
            duration_s *= load.size
        else:
            whole = max(requests or self._needed, self._by_users(load))
            rate = load.rate_per_s or 0.0
            requests = math.ceil(max(whole * load.size, rate * STEP_S))
        seed = options.get("seed")
        asked: LoadOptions = {
            **options,
            **self._budget.share(),
            # Each has prompts of its own, since a cache may know those of the steps before.
            "seed": None if seed is None else seed + len(self._steps),
            "rate": None if load.rate_per_s is None else f"{load.rate_per_s:.9f}/s",
            "users": load.users,
            "duration_s": duration_s,
            "requests": requests,
            "warmup_s": max(self._warmup_s, options.get("warmup_s", 0.0)),
            "out": directory,
        }
        return plan(asked, self._key, self._now())

    def _by_users(self, load: StepLoad) -> int:
        """Requests below which a search's users would hardly have come round: at the end of a step
        they leave one by one, and those who stay are served faster."""
        return REQUESTS_EACH * (load.users or 0) if self._kind == "find" else 0

    def _report(self) -> "Steps":
        from headrace.reports import steps_report, write_steps

        report = steps_report(
            kind=self._kind,
            directory=self._directory,
            started_at=self._started_at,
            objective=None if self._objective is None else self._objective.text,
            steps=self._steps,
            found=self._found,
            reason=self._reason,
        )
        with storage(self._directory / "steps.json"):
            write_steps(report, self._directory / "steps.json")
        return report


def refuse_existing(directory: Path) -> None:
    """Raise InputError where there is something in the place of a directory of several runs."""
    if directory.exists():
        raise InputError(f"{directory} exists; name a directory that doesn't, by --out")


def make_runs_directory(directory: Path, options: LoadOptions) -> None:
    """Make the directory of several runs, as open as the options say. Raises InputError, and
    StorageError."""
    check_path(directory)
    with storage(directory), making(directory):
        directory.mkdir(DIRECTORY_MODE[options.get("share", False)], parents=True)


def steps_directory(kind: str, today: dt.date, parent: Path) -> Path:
    """find-2026-06-09-1, or the first such name that is free."""
    numbers: Iterator[int] = iter(range(1, 1_000_000))
    names = (parent / f"{kind}-{today.isoformat()}-{number}" for number in numbers)
    return next(path for path in names if not path.exists())


def parse_search(
    text: str,
    *,
    first: str | None,
    precision: float,
    highest: str | None,
    users: int | None = None,
) -> Search:
    """A search as its flags say it: over users from `users` on, else over rates.

    Raises InputError, and ExpressionError for the objective.
    """
    from headrace.reports import check_objective, step_requests

    objective = parse_condition(text)
    check_objective(
        objective,
        with_base=False,
        to_have_base="judge the run of a step by headrace gate RUN --base RUN",
    )
    needed = step_requests(text, open_loop=users is None)
    if users is not None:
        return Search(
            objective,
            needed,
            users,
            precision,
            None if highest is None else _most_users(highest, users),
            over_users=True,
        )
    first_rate_per_s = parse_rate(first or "1/s")
    if not first_rate_per_s:
        raise InputError("the search begins at a rate above 0; give --rate 1/s")
    most = None if highest is None else parse_rate(highest)
    if most is not None and most < first_rate_per_s:
        raise InputError("the search begins above its highest rate; lower --rate")
    return Search(objective, needed, first_rate_per_s, precision, most)


def _most_users(text: str, first: int) -> int:
    if not _USERS.fullmatch(text.strip()):
        raise InputError(f"--highest {text!r} is not a number of users; write it like 200")
    if (most := int(text)) < first:
        raise InputError("the search begins above its highest number of users; lower --users")
    return most
