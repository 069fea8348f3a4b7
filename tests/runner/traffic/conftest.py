"""Load runs in virtual time, against a service or a gateway in memory."""

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
import pytest
import trio
import trio.testing

from headrace.gateway import Config, Gateway
from headrace.jobs import LoadFacts, Manifest
from headrace.runner import RunEnvironment, RunOutcome, Secret, Stop, TrioTransport
from headrace.runner.errors import InterruptError
from headrace.runner.traffic.options import LoadPlan, plan
from headrace.runner.traffic.start import run_load
from headrace.runner.workers import OpenWorkers
from tests.runner.loop_workers import open_event_alarm

# 20 s into a minute, as servers with fixed windows count it.
BEGAN = dt.datetime(2026, 6, 9, 8, 30, 20, tzinfo=dt.UTC)


class Loaded(NamedTuple):
    """A load run that has ended, with its tables in the order of the due times."""

    outcome: RunOutcome
    directory: Path

    @property
    def facts(self) -> LoadFacts:
        manifest = msgspec.json.decode((self.directory / "run.json").read_bytes(), type=Manifest)
        assert manifest.load is not None
        return manifest.load

    @property
    def attempts(self) -> pl.DataFrame:
        table = pl.read_parquet(self.directory / "attempts" / "*.parquet")
        return table.sort("index", "attempt")

    @property
    def results(self) -> pl.DataFrame:
        return pl.read_parquet(self.directory / "results" / "*.parquet").sort("index")

    def due_s(self, *phases: str) -> list[float]:
        """Due times in seconds from the beginning of what is measured."""
        rows = self.attempts.filter(pl.col("phase").is_in(phases)) if phases else self.attempts
        assert self.facts.measure_from is not None
        return [(due - self.facts.measure_from).total_seconds() for due in rows["due_at"]]


class Traffic:
    """Runs load tests in a test's own directory."""

    def __init__(self, path: Path, nursery: trio.Nursery) -> None:
        self.path = path
        self.nursery = nursery
        self.began = BEGAN

    def gateway(self, **config: Any) -> Gateway:
        """The project's gateway in memory, on the same clock, without limits."""
        fields = {"rpm": None, "tpm": None, **config}
        return Gateway(
            Config(**fields), now=lambda: BEGAN + dt.timedelta(seconds=trio.current_time())
        )

    async def on(self, gateway: Gateway, **asked: Any) -> Loaded:
        """A load run on a gateway."""

        return await self.over(self._to(gateway), key=gateway.keys[0].secret, **asked)

    async def planned(self, planned: LoadPlan, gateway: Gateway) -> RunOutcome:
        """A load run that is planned already, on a gateway."""
        return await run_load(planned, self.environment(self._to(gateway)), None, open_event_alarm)

    def _to(self, gateway: Gateway) -> Any:
        async def connect(_origin: object) -> trio.abc.Stream:
            ours, theirs = trio.testing.memory_stream_pair()
            self.nursery.start_soon(gateway.serve_stream, theirs)
            return ours

        return connect

    async def over(
        self,
        connect: Any,
        *,
        key: str = "sk-of-the-tests",
        stop: Stop | None = None,
        watch: Any = None,
        open_workers: OpenWorkers | None = None,
        **asked: Any,
    ) -> Loaded:
        """A load run over any streams."""

        defaults = {"base_url": "http://gateway.test", "seed": 1, "out": self.path / "load.run"}
        options: Any = {**defaults, **asked}
        planned = plan(options, Secret(key), BEGAN)
        outcome = await run_load(
            planned,
            self.environment(connect, stop),
            watch,
            open_event_alarm,
            open_workers,
        )
        return Loaded(outcome, planned.directory)

    def stop_after(self, seconds: float) -> Stop:
        """A stop that comes after so many seconds, as Ctrl-C brings it."""
        stop = Stop(grace_s=10.0)

        async def interrupt() -> None:
            await trio.sleep(seconds)
            stop.request(InterruptError("interrupted"))

        self.nursery.start_soon(interrupt)
        return stop

    def environment(self, connect: Any, stop: Stop | None = None) -> RunEnvironment:
        async def at_once(work: Any) -> Any:
            await trio.lowlevel.checkpoint()
            return work()

        return RunEnvironment(
            transport=TrioTransport(connect=connect),
            scraped=TrioTransport(connect=connect),
            offload=at_once,
            read=at_once,
            wall=lambda: BEGAN + dt.timedelta(seconds=trio.current_time()),
            stop=stop,
        )


@pytest.fixture
async def traffic(tmp_path: Path, nursery: trio.Nursery) -> Traffic:
    return Traffic(tmp_path, nursery)
