"""The progress of a load run: a live display on a terminal, else a line every ten seconds."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

import msgspec
import trio
from rich.console import Console

from headrace.jobs import LoadSigns, judge_load

from ..children import environment_without_secrets
from ..limits import Concurrency, Lanes
from ..money import Budget, show_amount
from ..record import Totals
from ..stderr import print_err
from ..stop import Stop
from .demand import MeasureWindow
from .machine import LoopMonitor
from .settings import LoadSettings
from .snapshot import Snapshot, Stage, in_words
from .tally import Tally, quantiles

REFRESH_S = 0.25
LINE_EVERY_S = 10.0
ERRORS_SHOWN = 5
ASKED_CHARACTERS_MAX = 60
SCREEN_ENDS_WITHIN_S = 0.5


class ShownDemand(Protocol):
    """What is shown of a demand, one process's or all processes' together."""

    @property
    def measured(self) -> int: ...

    @property
    def over_s(self) -> float | None: ...

    def next_s(self, now_s: float) -> float: ...


class ShownSchedule(Protocol):
    """What is shown of a schedule; `out` are the requests that were handed out and not answered,
    `lost` the workers that are gone, in words."""

    @property
    def demand(self) -> ShownDemand: ...

    @property
    def out(self) -> int: ...

    @property
    def lost(self) -> Sequence[str]: ...


class LoadProgress(NamedTuple):
    """What a display may look at while the run is running. It changes nothing."""

    totals: Totals
    lanes: Lanes
    concurrency: Concurrency
    budget: Budget | None  # None without prices
    schedule: ShownSchedule
    tally: Tally
    loop: LoopMonitor
    window: MeasureWindow
    settings: LoadSettings
    currency: str | None  # None without prices
    stop: Stop


# Shows the progress of a load run, until it is cancelled.
LoadDisplay = Callable[[LoadProgress], Awaitable[None]]


def look(progress: LoadProgress) -> Snapshot:
    """What to show now."""
    tally, settings = progress.tally, progress.settings
    demand = progress.schedule.demand
    now_s = trio.current_time()
    stage, from_s, whole_s = _stage(progress, now_s)
    return Snapshot(
        stage=stage,
        asked=settings.shape.asked[:ASKED_CHARACTERS_MAX],
        passed_s=max(0.0, now_s - from_s),
        whole_s=whole_s,
        measured=demand.measured,
        requests=settings.requests,
        rate_asked_per_s=settings.shape.rate_at(now_s - progress.window.from_s),
        rate_sent_per_s=tally.rate_per_s(now_s),
        sent=tally.sent,
        in_flight=progress.concurrency.in_flight,
        behind_s=max(0.0, now_s - demand.next_s(now_s)),
        ttft=quantiles(tally.ttft),
        latency=quantiles(tally.latency),
        ttft_course=tally.course("ttft", now_s),
        latency_course=tally.course("latency", now_s),
        errors=tally.errors.most_common(ERRORS_SHOWN),
        cost=_cost(progress),
        doubts=_doubts(progress),
    )


def _doubts(progress: LoadProgress) -> list[str]:
    """Why the measurement is not valid, by what is known while it is running."""
    tally, loop = progress.tally, progress.loop
    signs = LoadSigns(
        open_loop=progress.settings.shape.open_loop,
        measured=tally.measured,
        answered=tally.answered,
        wait_p99_s=tally.wait.quantile_s(0.99),
        median_latency_s=tally.latency.quantile_s(0.5),
        lag_p99_s=tally.client_lag.quantile_s(0.99),
        median_gap_s=tally.gap.quantile_s(0.5),
        stalls=loop.stalls,
        longest_stall_s=loop.longest_s,
        concurrency_limit=progress.settings.concurrency,
        client_error_s=progress.settings.client_error_s,
    )
    verdict = judge_load(signs)
    why = verdict.why if verdict.verdict == "client-limited" else []
    return [*progress.schedule.lost, *why]


def _stage(progress: LoadProgress, now_s: float) -> tuple[Stage, float, float | None]:
    """What the run is at, since when, and how long that lasts."""
    window, settings = progress.window, progress.settings
    stop = progress.stop
    if stop.requested_s is not None:
        return "stopping", stop.requested_s, settings.grace_s
    if now_s < window.from_s:
        return "warming up", window.from_s - settings.warmup_s, settings.warmup_s
    over_s = progress.schedule.demand.over_s
    if over_s is not None or now_s >= window.end_s:
        return "draining", over_s or window.end_s, settings.grace_s
    return "measuring", window.from_s, window.duration_s


def _cost(progress: LoadProgress) -> str | None:
    if progress.currency is None:
        return None
    return f"{show_amount(progress.totals.spent)} {progress.currency}"


def display_on(console: Console) -> LoadDisplay:
    """A display for this console: live on a terminal, else a line every ten seconds."""
    return _live if console.is_terminal else _lines


async def _live(progress: LoadProgress) -> None:
    """Feed the process that draws (`runner.traffic.screen`), and end it with the run."""
    try:
        screen = _start_screen()
    except OSError as error:  # no room for another process
        print_err(f"No live display: {error.strerror}.")
        await _lines(progress)
        return
    assert screen.stdin is not None
    pipe = screen.stdin.fileno()
    try:
        while True:
            try:
                os.write(pipe, msgspec.json.encode(look(progress)) + b"\n")
            except BlockingIOError:
                pass  # it is behind: the next snapshot will do
            except OSError:
                return  # the terminal is gone, and the run continues
            await trio.sleep(REFRESH_S)
    finally:
        with suppress(OSError):
            screen.stdin.close()
        try:
            screen.wait(SCREEN_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            screen.kill()
            screen.wait()


def _start_screen() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "headrace.runner.traffic.screen"]
    environment = environment_without_secrets()
    screen = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    assert screen.stdin is not None
    os.set_blocking(screen.stdin.fileno(), False)
    return screen


async def _lines(progress: LoadProgress) -> None:
    while True:
        await trio.sleep(LINE_EVERY_S)
        print_err(in_words(look(progress)))
