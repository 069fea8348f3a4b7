"""Measures the client against a gateway on this machine: its ceiling, and its error.

The gateway has a core to itself where there are two. Each load has a gateway of its own, whose log
is the truth. A ceiling is climbed in steps until the figures are no longer good or the gateway, as
its own log says, was late itself.
"""

import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..clock import wall_now
from ..local_gateway import local_gateway
from ..machine_limits import usable_cores
from ..secret import Secret
from ..session import REAL_ENVIRONMENT
from ..signals import Ending, ending_at_signals
from ..stop import Stop
from ..traffic import (
    SCHEMA_VERSION,
    Calibration,
    LoadError,
    LoadOptions,
    Peak,
    Together,
    load_and_summarise,
    plan,
)

if TYPE_CHECKING:
    from headrace.reports import LoadFigures, MeasurementErrors

# A gateway whose chunks leave later than this at p99 was itself too slow.
GATEWAY_LATE_S = 0.002
# The share of the ideal that must be reached for a load to count as carried.
CARRIED = 0.97
OUTPUT_TOKENS = 100
# A machine with more to run than this, a core, is busy.
BUSY = 0.5
TTFT_S = 0.05
# Users come one after another, lest a thousand connections be opened at once.
USERS_A_SECOND = 1000


class CalibrationLoad(NamedTuple):
    """One load: streams at once, or users of answers that come whole and at once."""

    users: int
    itl_s: float | None  # None: not streamed
    seconds: float

    @property
    def words(self) -> str:
        """The load for people."""
        if self.itl_s is None:
            return f"{self.users} users, no gaps"
        return f"{self.users:,} stream{'s' * (self.users != 1)}, {self.itl_s * 1000:g} ms gaps"


class LoadMeasurement(NamedTuple):
    """What came of a load: the client's report, and the gateway's truth."""

    load: CalibrationLoad
    figures: "LoadFigures"
    errors_found: "MeasurementErrors"


ERRORS = (
    CalibrationLoad(1, 0.01, 3),
    CalibrationLoad(16, 0.005, 3),
    CalibrationLoad(64, 0.005, 4),
    CalibrationLoad(64, 0.002, 4),
)
REQUESTS = (CalibrationLoad(16, None, 3), CalibrationLoad(64, None, 3))
CHUNKS = (
    CalibrationLoad(32, 0.002, 3),
    CalibrationLoad(64, 0.002, 3),
    CalibrationLoad(128, 0.002, 3),
    CalibrationLoad(256, 0.002, 3),
)
STREAMS = (
    CalibrationLoad(500, 0.25, 4),
    CalibrationLoad(2000, 0.5, 5),
    CalibrationLoad(5000, 1.0, 8),
)


def calibrate(say: Callable[[str], None], workers: int = 1) -> Calibration:
    """Measure all of it, in under two minutes; `say` is told what is being done. With `workers`,
    the peaks are measured once more, of so many together.

    Raises jobs.HeadraceError where the gateway can't be started or a load is stopped, and
    InterruptError at a signal.
    """
    with (
        ending_at_signals("nothing of this calibration is kept") as ending,
        apart() as gateway_cores,
        tempfile.TemporaryDirectory() as folder,
    ):
        runner = Loads(Path(folder), gateway_cores, say, ending)
        errors = {load.words: load_error(runner.run(load).errors_found) for load in ERRORS}
        requests = _requests(runner)
        chunks = _chunks(runner)
        streams = _streams(runner)
        together = None if workers == 1 else _together(runner, workers)
    return Calibration(
        schema_version=SCHEMA_VERSION,
        headrace=version("headrace"),
        machine=platform.node(),
        cores=len(usable_cores()),
        measured_at=wall_now(),
        requests_per_s=requests,
        chunks_per_s=chunks,
        streams=streams,
        errors=errors,
        together=together,
    )


def _together(runner: "Loads", workers: int) -> Together:
    runner.workers = workers
    return Together(
        workers=workers,
        requests_per_s=_requests(runner),
        chunks_per_s=_chunks(runner),
        streams=_streams(runner),
    )


def busy() -> str | None:
    """What is to be said of a machine that has other work; None of one that hasn't."""
    if not hasattr(os, "getloadavg"):
        return None
    waiting, cores = os.getloadavg()[0], len(usable_cores())
    if waiting <= BUSY * cores:
        return None
    return (
        f"this machine is busy (load {waiting:.1f} on {cores} cores): it can do better than what "
        "is measured now"
    )


@contextmanager
def apart() -> Iterator[frozenset[int] | None]:
    """Keep this process off one core, which is the gateway's; None where there is but one."""
    usable = usable_cores()
    if len(usable) < 2 or not hasattr(os, "sched_setaffinity"):
        yield None
        return
    last = frozenset({max(usable)})
    os.sched_setaffinity(0, usable - last)
    try:
        yield last
    finally:
        os.sched_setaffinity(0, usable)


class Loads:
    """Runs loads, each with a gateway and a directory of its own."""

    def __init__(
        self,
        folder: Path,
        gateway_cores: frozenset[int] | None,
        say: Callable[[str], None],
        ending: Ending,
    ) -> None:
        self._folder = folder
        self._cores = gateway_cores
        self._say = say
        self._ending = ending
        self._count = 0
        self.workers = 1

    def run(self, load: CalibrationLoad) -> LoadMeasurement:
        from headrace.reports import compare_with_log

        several = "" if self.workers == 1 else f", {self.workers} workers"
        self._say(load.words + several)
        self._count += 1
        run, log = (self._folder / f"{self._count}.{kind}" for kind in ("run", "jsonl"))
        config = self._folder / f"{self._count}.toml"
        config.write_text(
            f'balance = 1_000_000\noutput_tokens = {OUTPUT_TOKENS}\n[[keys]]\nname = "calibrate"\n',
            encoding="utf-8",
        )
        arguments = ["--config", str(config), "--log", str(log), "--rpm", "none", "--tpm", "none"]
        if load.itl_s is not None:
            arguments += ["--ttft", f"{TTFT_S * 1000:g}ms", "--itl", f"{load.itl_s * 1000:g}ms"]
            arguments.append("--log-chunks")
        with local_gateway(*arguments, cores=self._cores) as gateway:
            options = LoadOptions(
                users=load.users,
                duration_s=load.seconds,
                warmup_s=max(1.0, load.users / USERS_A_SECOND),
                stream=load.itl_s is not None,
                prompt_tokens="16",
                output_tokens=str(OUTPUT_TOKENS if load.itl_s is not None else 8),
                seed=1,
                workers=self.workers,
                base_url=gateway.base_url,
                out=run,
            )
            planned = plan(options, Secret(gateway.key), wall_now())
            # What is in flight when it is stopped is worth nothing: no grace.
            stop = Stop(grace_s=0.0)
            outcome, summary, _ = load_and_summarise(
                planned, environment=REAL_ENVIRONMENT._replace(stop=stop)
            )
        self._ending.check(outcome.exit_code)
        if stop.reason is not None:  # a part of a load is not a measurement of it
            raise stop.reason
        assert summary.load is not None
        return LoadMeasurement(load, summary.load, compare_with_log(run, log))


def load_error(errors_found: "MeasurementErrors") -> LoadError:
    """The errors as they are kept."""
    found: dict[str, float | None] = {}
    for name in ("ttft", "itl", "latency"):
        error = errors_found.errors[f"{name}_s"]
        found[f"{name}_p50_s"] = None if error is None else error.p50_s
        found[f"{name}_p99_s"] = None if error is None else error.p99_s
    return LoadError(**found)


def gateway_was_late(errors_found: "MeasurementErrors") -> bool:
    """Whether the gateway itself was the bottleneck, by its own log."""
    return (errors_found.late_p99_s or 0) > GATEWAY_LATE_S


def _requests(runner: Loads) -> Peak:
    most = 0.0
    for load in REQUESTS:
        rates = runner.run(load).figures.rates
        most = max(most, 0.0 if rates is None else rates.requests_per_s)
    # A gateway that answers at once never says whether it or the client had no more to give.
    return Peak(most=most, limit="client and gateway together")


def _chunks(runner: Loads) -> Peak:
    most = 0.0
    for load in CHUNKS:
        measured = runner.run(load)
        rates = measured.figures.rates
        reached = 0.0 if rates is None else rates.output_tokens_per_s
        assert load.itl_s is not None
        a_stream_s = TTFT_S + (OUTPUT_TOKENS - 1) * load.itl_s
        carried = reached >= CARRIED * load.users * OUTPUT_TOKENS / a_stream_s
        if not carried or not measured.figures.verdict.valid:
            limit = "gateway" if gateway_was_late(measured.errors_found) else "client"
            return Peak(most=most or reached, limit=limit)
        most = reached
    return Peak(most=most, limit="no more was tried")


def _streams(runner: Loads) -> Peak:
    most = 0
    for load in STREAMS:
        measured = runner.run(load)
        requests, machine = measured.figures.requests, measured.figures.facts.machine
        held = 0 if machine is None else machine.in_flight_max
        if requests.failed or held < load.users:
            late = gateway_was_late(measured.errors_found)
            return Peak(most=most or held, limit="gateway" if late else "client")
        most = held
    return Peak(most=most, limit="no more was tried")
