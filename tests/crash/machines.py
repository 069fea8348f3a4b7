"""Machines of a dask cluster on loopback: each a process group, which can be killed as a whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.crash.gateway import Gateway, environment, job
from tests.crash.harness import IN_WORKERS, Run, children_of, until

COUNT = 2
# What machines do takes longer than what processes of one do.
WORK_S = 1.5
HOST = ("--host", "127.0.0.1", "--no-dashboard")
# Of a run on machines: the coordinator alone; a worker, as with workers of one machine; a machine
# with all that is on it; coordinator and machines at once. After any but the first and the last the
# session continues for a while, and then its coordinator is killed too.
TARGETS = (
    "the coordinator",
    "a worker",
    "a worker at a point",
    "a stopped worker",
    "a machine",
    "the coordinator and its machines",
)


class Machines:
    """A scheduler and its machines, which are brought up again once they were killed.

    `plan` is where the plan of one worker is put (`in_workers`).
    """

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.scheduler_file = folder / "scheduler.json"
        self.plan = folder / "worker.plan"
        self.token = folder / "worker.token"
        self._folder = folder
        self._environment = environment(gateway) | {"TMPDIR": str(folder)}
        self._environment["PYTHONPATH"] += f"{os.pathsep}{IN_WORKERS}"
        self._environment["CRASH_TOKEN"] = str(self.token)
        self._environment["CRASH_PLAN_FILE"] = str(self.plan)
        self._scheduler = self._start("scheduler", "--port", "0")
        self._machines: list[subprocess.Popen[bytes] | None] = [None] * COUNT

    def _start(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        module = f"distributed.cli.dask_{kind}"
        command = [sys.executable, "-m", module, *HOST, *words]
        with self._log(kind).open("wb") as log:
            return subprocess.Popen(
                [*command, "--scheduler-file", str(self.scheduler_file)],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _log(self, kind: str) -> Path:
        return self._folder / f"{kind}.log"

    def bring_up(self) -> None:
        """Return once all machines are there."""
        assert until(self.scheduler_file.exists)
        for at, machine in enumerate(self._machines):
            if machine is None:
                flags = ("--no-nanny", "--nthreads", "1", "--memory-limit", "0")
                self._machines[at] = self._start("worker", *flags, "--name", f"machine-{at}")
                assert until(lambda: b"Registered to" in self._log("worker").read_bytes())

    def workers(self) -> list[int]:
        """The processes that send, on all machines."""
        return [pid for each in self._machines if each is not None for pid in children_of(each.pid)]

    def kill(self, *numbers: int) -> None:
        """Kill these machines, each with all that is on it."""
        for at in numbers:
            if (machine := self._machines[at]) is not None:
                os.killpg(machine.pid, signal.SIGKILL)
                machine.wait()
                self._machines[at] = None

    def end(self) -> None:
        """End all of it."""
        self.kill(*range(COUNT))
        os.killpg(self._scheduler.pid, signal.SIGKILL)
        self._scheduler.wait()


class ClusterRun(Run):
    """A run whose workers are on `machines`. Its jobs ask for no images, which would stay there."""

    targets = TARGETS
    then = "the coordinator"
    work_s = WORK_S
    on_machines = True

    def __init__(self, *given: Any, machines: Machines, **rest: Any) -> None:
        self._machines = machines
        super().__init__(*given, **rest)

    def _job(self, number: int) -> dict[str, Any]:
        made = job(number)
        if "prompt" in made["body"]:
            text = made["body"]["prompt"]
            body = {"model": made["body"]["model"], "max_tokens": 30}
            body |= {"messages": [{"role": "user", "content": text}]}
            made |= {"url": "/v1/chat/completions", "body": body}
        return made

    def _sent_by(self) -> list[str]:
        self._machines.bring_up()
        each = self._rng.choice([1, self._workers])
        self._sending = COUNT * each
        file = str(self._machines.scheduler_file)
        return ["--cluster", file, "--workers", str(each)]

    def _around(self, plan: str | None, worker_plan: str | None) -> dict[str, str]:
        """Nothing: their machines' has been theirs from the start, but for the plan."""
        self._machines.plan.unlink(missing_ok=True)
        self._machines.token.unlink(missing_ok=True)
        if worker_plan is not None:
            self._machines.plan.write_text(worker_plan, encoding="ascii")
        return {}

    def _workers_of(self, process: subprocess.Popen[str]) -> list[int]:
        return self._machines.workers()

    def _is_left(self, process: subprocess.Popen[str]) -> bool:
        return bool(self._machines.workers())

    def _strike(self, target: str, process: subprocess.Popen[str], within_s: float) -> None:
        if target == "a machine":
            self._machines.kill(self._rng.randrange(COUNT))
        elif target == self.targets[-1]:
            process.kill()
            self._machines.kill(*range(COUNT))
        else:
            super()._strike(target, process, within_s)
