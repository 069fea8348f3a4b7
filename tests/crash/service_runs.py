"""Runs over several services that get into trouble and out of it while sessions are ended."""

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tests.crash.check import Books
from tests.crash.gateway import environment, model_of
from tests.crash.harness import PATIENCE_S, Ended, Run
from tests.crash.service_check import adds_up, wrong_report, wrong_services
from tests.crash.services import POOR, RICH, ServiceGateway, has_model

# What happens to one service of a session: its key is refused, it is not there, it has hardly any
# money; in its middle, it goes away and comes back, or takes another key from then on.
TROUBLES = ("a refused key", "not there", "hardly any money", "an outage", "another key")
# The codes of sessions of which a service stopped: not reached, key, money, outage.
CODES = (1, 2, 3, 5)
TROUBLED, REPORTED = 0.6, 0.4
# Most are ended while all services work, some once one may have stopped and others have finished.
WORK_S = (0.7, 0.7, 5.0)
STATES = ("crashed", "interrupted", "stopped", "finished")
KINDS = ("jobs", "copies", "table")


class ServicesRun(Run):
    """A run over these services. There is trouble with one of them in many of its sessions; one
    that stopped for it is followed by one without."""

    def __init__(
        self,
        folder: Path,
        gateways: Sequence[ServiceGateway],
        rng: random.Random,
        *,
        first: int,
        jobs: int,
        kind: str = "jobs",
        workers: int = 1,
    ) -> None:
        self.services = gateways
        self.numbers = range(first, first + jobs)
        self._cwd = folder / f"of-{first}"
        self._cwd.mkdir()
        self._trouble: tuple[str, ServiceGateway] | None = None
        self._stopped = False
        super().__init__(
            folder, gateways[0].as_gateway, rng, first=first, jobs=jobs, kind=kind, workers=workers
        )
        self._dedupe = "--dedupe" in self._what

    def _priced_by(self) -> list[str]:
        """Nothing: each service has its own. An outage soon stops one."""
        models = {each.name: self._models_of(each) for each in self.services}
        last = self.services[-1]
        tables = [each.table(models[each.name], others=each is last) for each in self.services]
        assert self._cwd is not None
        (self._cwd / "headrace.toml").write_text("\n".join(tables), encoding="utf-8")
        return ["--outage", "1s", "--out", str(self.directory)]

    def _models_of(self, service: ServiceGateway) -> list[str]:
        count = len(self.services)
        return [model_of(n) for n in self.numbers if has_model(service.at, n, count)]

    def _environment(self) -> dict[str, str]:
        keys = {each.variable: each.key for each in self.services}
        if self._trouble is not None and self._trouble[0] == "a refused key":
            keys[self._trouble[1].variable] = self._trouble[1].wrong_key()
        return environment() | keys

    def _logs(self) -> list[Path]:
        return [each.log for each in self.services]

    def _may_stop(self, ended: Ended) -> bool:
        """Because of the trouble, once the others have done all that is theirs."""
        self._stopped = self._trouble is not None and self._state() == "stopped"
        return self._stopped and ended.code in CODES and "the service s" in ended.said

    def kill(self) -> bool:
        """As of any run; where a session stopped for its trouble, one more."""
        return self._until_ended(super().kill)

    def interrupt(self, number: signal.Signals) -> bool:
        """As of any run; where a session stopped for its trouble, one more."""
        return self._until_ended(partial(super().interrupt, number))

    def _until_ended(self, end: Callable[[], bool]) -> bool:
        """End a session; one more where it stopped by itself. False where the run had ended."""
        while True:
            with self._troubled():
                self._stopped = False
                self.work_s = self._rng.choice(WORK_S)
                going = end()
            if self._trouble is not None:
                what = self._trouble[0]
                self.amid[f"a service: {what}{', and it stopped' if self._stopped else ''}"] += 1
            if self._rng.random() < REPORTED:
                self._report_now()
            if not (going and self._stopped):
                return going

    @contextlib.contextmanager
    def _troubled(self) -> Iterator[None]:
        """Perhaps something is wrong with one of the services until the block ends."""
        self._trouble = None
        if not self._stopped and self._rng.random() < TROUBLED:
            self._trouble = self._rng.choice(TROUBLES), self._rng.choice(self.services)
        with contextlib.ExitStack() as opened:
            if self._trouble is not None:
                self._begin(*self._trouble, opened)
            yield

    def _begin(self, what: str, service: ServiceGateway, opened: contextlib.ExitStack) -> None:
        if what == "not there":
            service.stop()
            opened.callback(service.start)
        elif what == "hardly any money":
            service.left_with(POOR)
            opened.callback(service.left_with, RICH)
        elif what in ("an outage", "another key"):
            waits_s = [self._rng.uniform(*bounds) for bounds in ((0.5, 1.5), (0, 0.5))]
            thread = threading.Thread(target=_go_away, args=(service, what, *waits_s))
            thread.start()
            opened.callback(thread.join)

    def _report_now(self) -> None:
        """Whatever a session left, each command that reads a run has an answer that adds up."""
        if not (self.directory / "run.json").exists():
            return
        shown = json.loads(self._read("report", "--json"))
        self.wrong += [f"a report of a killed run: {each}" for each in adds_up(shown)]
        names = {each.name for each in self.services}
        status = json.loads(self._read("status", "--json"))
        found = (
            {each["name"] for each in status["services"]},
            {e["name"] for e in shown["services"]},
        )
        if found != (names, names):
            self.wrong.append(f"status and report name {found}")
        if status["state"] not in STATES:
            self.wrong.append(f"the state of a killed run is {status['state']}")
        out = self.directory.with_name("exported.jsonl")
        self._read("export", "--to", "jsonl", "--force", "--out", str(out))
        exported = out.read_text(encoding="utf-8").split("\n")[:-1]
        jobs = shown["outcome"]["succeeded"] + shown["outcome"]["failed"]
        if len(exported) != jobs or not {json.loads(each)["service"] for each in exported} <= names:
            self.wrong.append(f"{len(exported)} results are exported, the report counts {jobs}")

    def _read(self, command: str, *words: str) -> str:
        """What a command says of the run as it is now."""
        done = subprocess.run(
            [sys.executable, "-m", "headrace", command, str(self.directory), *words],
            env=environment(),
            cwd=self._cwd,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode:
            self.wrong.append(f"{command} ends with {done.returncode}: {done.stderr[-400:]}")
        return done.stdout or "null"

    def finish(self) -> Books:
        """As of any run, and each service is compared with its own gateway."""
        self._trouble = None
        found = super().finish()
        numbers = {*self.numbers}
        wrong = wrong_services(self.directory, self.services, numbers, dedupe=self._dedupe)
        wrong += wrong_report(
            self.directory, self.services, json.loads(self._read("report", "--json"))
        )
        found.violations.extend(wrong)
        return found


def _go_away(service: ServiceGateway, what: str, after_s: float, for_s: float) -> None:
    """Take a service away in the middle of a session, and bring it back."""
    pause = threading.Event()
    pause.wait(after_s)
    service.stop()
    pause.wait(for_s)
    if what == "another key":
        service.take_another_key()
    service.start()
