"""Several gateways on loopback as the services of runs, each with a key, prices and faults of its
own, in which something goes wrong now and then."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.crash.gateway import IMAGES_EVERY, ROOT, RULE, Gateway, environment, model_of

RICH, POOR = "1000000", "0.001"
# Of each service: what goes wrong there, prices of a million tokens, how the key is sent (by the
# endpoint where nobody says), and requests per minute.
FAULTS = (
    "500=0.03,reset=0.02,cut=0.03,429=0.01",
    "503=0.06,cut-usage=0.03,stall;for=300ms=0.05",
    "429;retry-after=1=0.02,reset-after-head=0.04,no-usage=0.02",
)
PRICES = (("1.00", "2.00"), ("0.37", "12.345678"), ("15.5", "0.000001"))
AUTHS = (None, "bearer", None)
LIMITS: tuple[int | None, ...] = (None, 240, None)
WEIGHTS = (2, 1, 3)


def has_model(service: int, number: int, count: int) -> bool:
    """Whether this one of so many services has the model of a job by its name: one of the first two
    alone has it, or both, or all; a fourth of the models nobody has, which leaves it to the last.
    """
    if number % 7 == 0:
        return True
    return (number % 4, service) in {(0, 0), (1, min(1, count - 1)), (2, 0), (2, 1)}


def served_by(number: int, count: int) -> list[int]:
    """The services of so many that a job may go to."""
    found = [each for each in range(count) if has_model(each, number, count)]
    return found or [count - 1]


class ServiceGateway:
    """A gateway that is one of several services: it can be taken away and brought back at the same
    place, given another key, and left without money.

    `sent_as` are all the keys that whoever uses it is ever told, right and wrong.
    """

    def __init__(self, folder: Path, at: int, *, jobs: int, seed: int) -> None:
        self.name = f"s{at}"
        self.at = at
        self.log = folder / f"{self.name}.log"
        self.prices = folder / f"{self.name}-prices.toml"
        self._state = folder / f"{self.name}.sqlite"
        self._config = folder / f"{self.name}.toml"
        self._seed = seed + at
        self._keys = 0
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.sent_as: set[str] = set()
        self.url = ""
        self._write(folder, jobs)
        self.take_another_key()

    @property
    def as_gateway(self) -> Gateway:
        """It alone, as runs without services know one."""
        return Gateway(self.url, self.key, self.log)

    @property
    def variable(self) -> str:
        """The name of the variable that has its key."""
        return f"CRASH_KEY_{self.at}"

    def _write(self, folder: Path, jobs: int) -> None:
        price_in, price_out = PRICES[self.at % len(PRICES)]
        tables = [
            f'[models."{model_of(number)}".images]\ndefault = 0.0025\n'
            if number % IMAGES_EVERY == 0
            else f'[models."{model_of(number)}"]\ninput = {price_in}\noutput = {price_out}\n'
            for number in range(jobs)
        ]
        self.prices.write_text('currency = "CNY"\n' + "".join(tables), encoding="utf-8")
        answers = folder / f"{self.name}-answers.jsonl"
        answers.write_text(json.dumps(RULE) + "\n", encoding="utf-8")
        self._config.write_text(
            f'rpm = "none"\ntpm = "none"\nseed = {self._seed}\nbalance = {RICH}\n'
            f"prices = {json.dumps(self.prices.name)}\nanswers = {json.dumps(answers.name)}\n"
            'log_headers = ["authorization", "x-api-key"]\n[latency]\nttft = "uniform:5ms:60ms"\n',
            encoding="utf-8",
        )

    def take_another_key(self) -> None:
        """From its next start on, only this key is taken."""
        self._keys += 1
        self.key = f"sk-of-the-service-{self.name}-{self._keys}"
        self.sent_as.add(self.key)

    def wrong_key(self) -> str:
        """A key that it refuses, and nobody else is ever told."""
        wrong = f"sk-nobody-takes-{self.name}"
        self.sent_as.add(wrong)
        return wrong

    def start(self) -> None:
        """Serve, where it served before."""
        words = ["gateway", "--config", str(self._config), "--port", str(self._port)]
        words += ["--log", str(self.log), "--state", str(self._state)]
        words += ["--faults", FAULTS[self.at % len(FAULTS)], "--until-eof"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "headrace", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment() | {"HEADRACE_GATEWAY_KEY": self.key},
        )
        assert self._process.stdout is not None
        said = dict(self._process.stdout.readline().strip().split("=", 1) for _ in range(2))
        self.url = said["HEADRACE_BASE_URL"]
        self._port = int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """Serve no more, whatever is in flight."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    def left_with(self, amount: str) -> None:
        """Have this balance from now on."""
        self.stop()
        with contextlib.closing(sqlite3.connect(self._state)) as base, base:
            base.execute("update tenant set balance = ?", (amount,))
        self.start()

    def charged(self) -> Decimal:
        """All that its ledger ever took. Not while it serves."""
        assert self._process is None
        with contextlib.closing(sqlite3.connect(self._state)) as base:
            amounts = base.execute("select amount from charges").fetchall()
        return sum((Decimal(each) for (each,) in amounts), Decimal(0))

    def table(self, models: list[str], *, others: bool) -> str:
        """Its table in headrace.toml; with `others` it has whatever no other service has."""
        named = [*models, *(["*"] if others else [])]
        fields = {
            "name": self.name,
            "base-url": self.url,
            "key-variable": self.variable,
            "models": named,
            "weight": WEIGHTS[self.at % len(WEIGHTS)],
            "prices": str(self.prices),
            "rpm": LIMITS[self.at % len(LIMITS)],
            "auth": AUTHS[self.at % len(AUTHS)],
        }
        lines = [f"{k} = {json.dumps(v)}\n" for k, v in fields.items() if v is not None]
        return "[[services]]\n" + "".join(lines)


@contextlib.contextmanager
def serving_services(
    folder: Path, jobs: int, *, count: int, seed: int
) -> Iterator[list[ServiceGateway]]:
    """So many of them, each of which knows the models of so many jobs."""
    found = [ServiceGateway(folder, at, jobs=jobs, seed=seed) for at in range(count)]
    try:
        for each in found:  # one after the other: the ids of requests begin with the moment
            each.start()
        yield found
    finally:
        for each in found:
            each.stop()
