"""Real `headrace run` processes against a real gateway on loopback, ended again and again."""

import contextlib
import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.check import Books, books, left_by
from tests.crash.gateway import ROOT, Gateway, environment, job, model_of

KILLED = Path(__file__).with_name("killed.py")
IN_WORKERS = Path(__file__).with_name("in_workers")
# How long a session works before a random moment, at most; and its patience with a planned one.
WORK_S, PATIENCE_S = 0.7, 60.0
LOOK_EVERY_S = 0.002
SENDS_FIRST = 0.7
# What a session may be killed at: operation, where, and the last of its calls that is aimed at.
POINTS = (
    ("write", "half", 150),
    ("write", "after", 150),
    ("open", "after", 16),
    ("fsync", "before", 30),
    ("fsync", "after", 30),
    ("replace", "before", 10),
    ("replace", "after", 10),
    ("unlink", "before", 5),
    ("unlink", "after", 5),
    ("mkdir", "after", 2),
)


# Who is killed: the coordinator alone, a worker (also at a point, or stopped) and then all, or all.
TARGETS = ("the coordinator", "a worker", "a worker at a point", "a stopped worker", "all")
# What is left of a session whose coordinator is gone: its workers finish for as long as --grace.
WORKERS_END_S = 20.0
# What a run is of: a job file; one whose jobs are partly equal; a table whose answers need a form;
# a job file that workers send.
KINDS = ("jobs", "copies", "table", "workers")
WORKERS = 2  # or one more, or one alone, where nobody says
# Every so manieth job or row is there twice, where equal ones are sent once.
TWICE_EVERY = 4
RECIPE = """\
model = "{{ model }}"
id = "id"
user = "Label number {{ number }}."
schema = "form.json"
max_tokens = 30
"""
FORM = {
    "type": "object",
    "properties": {"label": {"enum": ["one", "two"]}},
    "required": ["label"],
    "additionalProperties": False,
}


class Ended(NamedTuple):
    """A session's exit code, how it was ended, what it said, and whether it had begun to work."""

    code: int
    how: str
    said: str
    began: bool


class Run:
    """One run directory whose sessions are ended one after the other.

    `first` and `jobs` say which of the gateway's models are its, `kind` what it is of. `counts` has
    how sessions ended and what they were in the middle of, `wrong` what broke a promise.
    """

    targets: Sequence[str] = TARGETS
    then = "all"
    work_s = WORK_S
    on_machines = False
    _cwd: Path | None = None

    def __init__(
        self,
        folder: Path,
        gateway: Gateway,
        rng: random.Random,
        *,
        first: int,
        jobs: int,
        kind: str = "jobs",
        workers: int = 1,
    ) -> None:
        self.folder = folder
        self.gateway = gateway
        self.models = [model_of(number) for number in range(first, first + jobs)]
        self.directory = folder / f"jobs-{first}.run"
        self.finished_at: dict[str, dt.datetime] = {}
        self.how: Counter[str] = Counter()
        self.amid: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._rng = rng
        self._workers = max(WORKERS, workers) if kind == "workers" else workers
        self._sessions = 0
        self._sending = 1  # processes of the session
        numbers = [n for n in range(first, first + jobs) for _ in range(self._times(kind, n))]
        self.asked = Counter(model_of(number) for number in numbers)
        self._what = self._table(numbers, first) if kind == "table" else self._file(numbers, first)
        if kind in ("copies", "table"):
            self._what.append("--dedupe")

    @staticmethod
    def _times(kind: str, number: int) -> int:
        """How often a job is there."""
        return 2 if kind in ("copies", "table") and not number % TWICE_EVERY else 1

    def _job(self, number: int) -> dict[str, Any]:
        return job(number)

    def _file(self, numbers: Sequence[int], first: int) -> list[str]:
        """A job file; of equal jobs each has an id of its own."""
        path = self.folder / f"jobs-{first}.jsonl"
        rows = [{**self._job(each), "custom_id": f"r{n}"} for n, each in enumerate(numbers)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return [str(path)]

    def _table(self, numbers: Sequence[int], first: int) -> list[str]:
        """A table and its recipe."""
        path, recipe = self.folder / f"rows-{first}.csv", self.folder / "ask.toml"
        rows = [f"r{n},{model_of(each)},{each}\n" for n, each in enumerate(numbers)]
        path.write_text("id,model,number\n" + "".join(rows), encoding="utf-8")
        recipe.write_text(RECIPE, encoding="utf-8")
        (self.folder / "form.json").write_text(json.dumps(FORM), encoding="utf-8")
        return [str(path), "--recipe", str(recipe), "--reask", "3", "--out", str(self.directory)]

    def _start(self, plan: str | None, worker_plan: str | None = None) -> subprocess.Popen[str]:
        """A session, with another number of workers each time where there are any."""
        command = ["-m", "headrace"] if plan is None else [str(KILLED), plan]
        words = ["run", *self._what, "--rpm", "none", "--tpm", "none", "--concurrency", "8"]
        words += [*self._priced_by(), "--grace", "2s"]
        self._sessions += 1
        return subprocess.Popen(
            [sys.executable, *command, *words, *self._sent_by()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment() | self._around(plan, worker_plan),
            cwd=self._cwd,
            start_new_session=True,  # so that the workers can be killed with it
        )

    def _priced_by(self) -> list[str]:
        """The words that name the prices."""
        return ["--prices", str(self.folder / "prices.toml")]

    def _environment(self) -> dict[str, str]:
        """Where the service is, and the key."""
        return environment(self.gateway)

    def _sent_by(self) -> list[str]:
        """The words that say who sends."""
        self._sending = 1
        if self._workers > 1:
            self._sending = self._rng.choice([1, self._workers, self._workers + 1])
        return [] if self._workers == 1 else ["--workers", str(self._sending)]

    def _around(self, plan: str | None, worker_plan: str | None) -> dict[str, str]:
        """What the environment of a session's workers has."""
        if self._workers == 1 or plan is None:
            return {}
        token = self.folder / f"{self.directory.name}-{self._sessions}"
        around = {
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{IN_WORKERS}",
            "CRASH_TOKEN": str(token),
        }
        return around | ({} if worker_plan is None else {"CRASH_PLAN": worker_plan})

    def kill(self) -> bool:
        """Kill one session at a moment of chance; False where it had ended before."""
        if self._workers > 1 and (target := self._rng.choice(self.targets)) != "the coordinator":
            return self._kill_workers(target)
        plan, delay_s = None, None
        draw = self._rng.random()
        if draw < 0.4:
            operation, where, last = self._rng.choice(POINTS)
            plan = f"{operation}:{self._rng.randint(1, last)}:{where}"
        else:
            plan = "-" if draw < 0.8 else None
            delay_s = self._rng.uniform(0, self.work_s)
        from_start = self._rng.random() < 0.1
        ended = self._end(plan, [(signal.SIGKILL, delay_s)], from_start=from_start)
        if self._had_ended(ended.code):
            return False
        if ended.code == -signal.SIGKILL:
            self.how[ended.how] += 1
        elif not self._may_stop(ended):
            self.wrong.append(f"a session ended by itself with {ended.code}: {ended.said[-400:]}")
        self._look()
        return True

    def _kill_workers(self, target: str) -> bool:
        """Kill a worker and then all, or all at once; False where the session had ended before."""
        worker_plan = None
        if target == "a worker at a point":
            operation, where, last = self._rng.choice(POINTS)
            worker_plan = f"{operation}:{self._rng.randint(1, last)}:{where}"
        process = self._start("-", worker_plan)
        self._until_begun(process)
        within_s = self._until_workers_send(process)
        self._wait(process, self._rng.uniform(0, within_s))
        all_at_once = target == self.targets[-1]
        self._strike(target, process, within_s)
        self._wait(process, 0.0 if all_at_once else self._rng.uniform(0, within_s))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate(timeout=PATIENCE_S)[1]
        if self._had_ended(process.returncode):
            return False
        if process.returncode != -signal.SIGKILL:
            code = process.returncode
            self.wrong.append(f"{target} killed: a session ended with {code}: {said[-400:]}")
        self.how[target if all_at_once else f"{target}, then {self.then}"] += 1
        self._look()
        return True

    def _strike(self, target: str, process: subprocess.Popen[str], within_s: float) -> None:
        """Kill or stop what is to be killed first; stopped it stays for as long at most."""
        workers = self._workers_of(process)
        if target in ("a worker", "a stopped worker") and workers:
            worker = self._rng.choice(workers)
            _signal(worker, signal.SIGKILL if target == "a worker" else signal.SIGSTOP)
            self._wait(process, self._rng.uniform(0, within_s))
            _signal(worker, signal.SIGCONT)

    def _workers_of(self, process: subprocess.Popen[str]) -> list[int]:
        """The processes that send for a session."""
        return children_of(process.pid)

    def _until_begun(self, process: subprocess.Popen[str]) -> None:
        """Return once the session has taken the directory, or has ended."""
        manifest, before = self.directory / "run.json", _changed_ns(self.directory / "run.json")
        until(lambda: process.poll() is not None or _changed_ns(manifest) != before)

    def _until_workers_send(self, process: subprocess.Popen[str]) -> float:
        """Wait until a worker has written something, most times: they take longer to be there than
        a session is given. Returns for how long it is to work from then on, at most."""
        if self._sending == 1 or self._rng.random() > SENDS_FIRST:
            return self.work_s
        known = set(self.directory.glob("journal/w*.jsonl"))

        def sends() -> bool:
            return any(
                _size_of(p) for p in self.directory.glob("journal/w*.jsonl") if p not in known
            )

        until(lambda: process.poll() is not None or sends())
        return self.work_s / 3

    @staticmethod
    def _wait(process: subprocess.Popen[str], seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)

    def interrupt(self, number: signal.Signals) -> bool:
        """Stop one session by a signal, or two; False where it had ended before."""
        delays: list[tuple[signal.Signals, float | None]] = [
            (number, self._rng.uniform(0, self.work_s))
        ]
        again = self._rng.random() < 0.4
        if again:
            delays.append((number, self._rng.uniform(0, 0.1)))
        plan = self._rng.choice(["-", None])
        ended = self._end(plan, delays, from_start=self._rng.random() < 0.1)
        if self._had_ended(ended.code):
            return False
        if self._may_stop(ended):
            self._look()
            return True
        self.how[f"{'twice ' if again else ''}{number.name}"] += 1
        clean = 128 + number
        # Once its books are closed, a session may be ended in any way.
        if ended.began and ended.code != clean and self._state() == "running":
            self.wrong.append(f"{number.name} ended with {ended.code}: {ended.said[-400:]}")
        # (The second ends a recovery where it is.)
        left = not again and (self.directory / "journal").exists()
        if ended.began and ended.code == clean and left:
            self.wrong.append(f"{number.name} left a journal")
        self._look()
        return True

    def _end(
        self,
        plan: str | None,
        signals: list[tuple[signal.Signals, float | None]],
        *,
        from_start: bool,
    ) -> Ended:
        """Run a session and send it the signals, each so long after the one before; the first is
        counted from the moment that the session takes the directory, or from the process' start.
        """
        manifest = self.directory / "run.json"
        before = _changed_ns(manifest)
        process = self._start(plan)
        assert process.stderr is not None
        how = "at a point: " + str(plan).replace(":", " ")
        if not from_start:
            self._until_begun(process)
            self._until_workers_send(process)
        for number, delay_s in signals:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2 * self.work_s if delay_s is None else delay_s)
            if process.poll() is None:
                self._send(process, number)
                how = "at a random moment" + (", small segments" if plan else "")
        said = process.communicate(timeout=PATIENCE_S)[1]
        if self._workers > 1 and self._rng.random() < 0.5:
            self._until_workers_end(process)  # else the next session has to wait for them
        began = _changed_ns(manifest) != before
        return Ended(process.returncode, _kind_of(how), said, began)

    def _until_workers_end(self, process: subprocess.Popen[str]) -> None:
        """Return once no process of a session's is left."""
        ended = until(lambda: not self._is_left(process), within_s=WORKERS_END_S)
        assert ended, "workers outlive their coordinator"

    def _is_left(self, process: subprocess.Popen[str]) -> bool:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _send(self, process: subprocess.Popen[str], number: signal.Signals) -> None:
        """To the process; what a terminal sends, to its workers too."""
        if number in (signal.SIGINT, signal.SIGQUIT) and self._rng.random() < 0.5:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)

    def _may_stop(self, ended: Ended) -> bool:
        """Whether a session had a reason of its own to stop before anybody stopped it."""
        return False

    def _had_ended(self, code: int) -> bool:
        """Whether a session of this exit code did all before anybody stopped it: 1 is of jobs that
        failed."""
        return code == 0 or (code == 1 and self._state() == "finished")

    def _state(self) -> str:
        path = self.directory / "run.json"
        manifest = json.loads(path.read_bytes()) if path.exists() else {"sessions": [{}]}
        state: str = manifest["sessions"][-1].get("state", "running")
        return state

    def _look(self) -> None:
        """See what is recorded by now: workers that outlive their coordinator still add to it."""
        try:
            left = left_by(self.directory)
        except FileNotFoundError:  # by workers that are still there, and seal
            return
        by_now = dt.datetime.now(dt.UTC)
        self.amid.update(left.amid)
        for model in left.finished:
            self.finished_at.setdefault(model, by_now)
        if missing := self.finished_at.keys() - left.finished:
            self.wrong.append(f"{len(missing)} results that were recorded are gone")

    def finish(self) -> Books:
        """One last session, to the end, with nobody in its way; then compare."""
        process = self._start(None)
        said = process.communicate(timeout=600)[1]
        if process.returncode not in (0, 1):
            self.wrong.append(f"the last session ended with {process.returncode}: {said[-400:]}")
        found = books(
            self.directory,
            self._logs(),
            self.asked,
            self.finished_at,
            on_machines=self.on_machines,
        )
        found.violations[:0] = self.wrong
        return found

    def _logs(self) -> list[Path]:
        """The logs of all that the run's requests went to."""
        return [self.gateway.log]


def until(there: Callable[[], bool], *, within_s: float = PATIENCE_S) -> bool:
    """Wait until it is so, and whether it came to that."""
    give_up_s = time.monotonic() + within_s
    while not there():
        if time.monotonic() > give_up_s:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _kind_of(how: str) -> str:
    """A point without the number of its call."""
    words = how.split()
    return " ".join(word for word in words if not word.isdigit())


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def children_of(parent: int) -> list[int]:
    """The processes that this one started, by Linux's own account of them."""
    found = []
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(each) for each in path.read_text().split()]
    return found


def _signal(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)
