"""What the client's own machine did meanwhile: stalls of the loop, CPU, descriptors, ports.

A load tester that can't keep up shows its own delays as the server's. So a task looks at the clock
every 10 ms: how late it is, is how late everything else could be. The rest is read from /proc,
where there is one, and is information.
"""

import gc
import heapq
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import trio

from headrace.jobs import STALL_S, MachineFacts, Stall

from ..alarm import Alarm
from ..clock import RunClock
from ..machine_limits import ephemeral_ports
from .histogram import Histogram

TICK_S = 0.01
WORST_KEPT = 20
SAMPLE_EVERY_S = 1.0
# Allocations between two looks for cycles: seldom, since a look holds up whatever is due.
GC_THRESHOLD = 200_000


class LoopMonitor:
    """How late the loop is. One task runs `watch`; `begin` forgets what was before."""

    def __init__(self, clock: RunClock) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """What counts comes from here on."""
        self.lags = Histogram()
        self.stalls = 0
        self.longest_s = 0.0
        self.longest_gc_s = 0.0
        self._worst: list[tuple[float, float]] = []  # length and end, the shortest first

    async def watch(self, alarm: Alarm) -> None:
        """Look at the clock every 10 ms, until cancelled."""
        while True:
            due_s = trio.current_time() + TICK_S
            await alarm.wait_until(due_s)
            now_s = trio.current_time()
            self.saw(now_s - due_s, now_s)

    def saw(self, late_s: float, now_s: float) -> None:
        """The loop was late by so much at a moment on trio's clock."""
        self.lags.add(max(0.0, late_s))
        self.longest_s = max(self.longest_s, late_s)
        if late_s > STALL_S:
            self.stalls += 1
            heapq.heappush(self._worst, (late_s, now_s))
            if len(self._worst) > WORST_KEPT:
                heapq.heappop(self._worst)

    def worst(self) -> list[Stall]:
        """The longest stalls, longest first."""
        return [
            Stall(at=self._clock.utc(at_s), length_s=length_s)
            for length_s, at_s in sorted(self._worst, reverse=True)
        ]

    @contextmanager
    def garbage_timed(self) -> Iterator[None]:
        """Note how long each look for cycles takes, within the block."""
        began_s = 0.0

        def look(phase: str, _info: dict[str, int]) -> None:
            nonlocal began_s
            if phase == "start":
                began_s = time.perf_counter()
            else:
                self.longest_gc_s = max(self.longest_gc_s, time.perf_counter() - began_s)

        gc.callbacks.append(look)
        try:
            yield
        finally:
            gc.callbacks.remove(look)


def freeze_garbage() -> None:
    """Look for cycles seldom from now on, and never among what is there already."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)


class CoreTimes(NamedTuple):
    """Ticks of one core since the machine's start."""

    busy: int
    idle: int


class ProcessUsage:
    """CPU since `begin`, and the most of what was seen at each `sample`. `proc` is /proc."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.proc = proc
        self.begin()

    def begin(self) -> None:
        """What counts comes from here on."""
        self._began_s = time.perf_counter()
        self._cpu_s = time.process_time()
        self._core_wait_s = core_wait_s(self.proc)
        self._cores = core_times(self.proc)
        self.open_files: int | None = None
        self.ports: int | None = None

    def sample(self) -> None:
        """Look at what is open now."""
        self.open_files = _most(self.open_files, open_files(self.proc))
        self.ports = _most(self.ports, tcp_sockets(self.proc))

    async def watch(self) -> None:
        """Sample every second, until cancelled."""
        while True:
            self.sample()
            await trio.sleep(SAMPLE_EVERY_S)

    def cpu_share(self) -> float | None:
        """The process's CPU time by the clock's: 1.0 is one core busy."""
        passed_s = time.perf_counter() - self._began_s
        return (time.process_time() - self._cpu_s) / passed_s if passed_s > 0 else None

    def core_wait_share(self) -> float | None:
        """The share of the time in which something else had the core that the loop wanted."""
        now_s, passed_s = core_wait_s(self.proc), time.perf_counter() - self._began_s
        if now_s is None or self._core_wait_s is None or passed_s <= 0:
            return None
        return (now_s - self._core_wait_s) / passed_s

    def core_shares(self) -> dict[int, float]:
        """How busy each core was that this process may use."""
        shares = {}
        for core, now in core_times(self.proc).items():
            before = self._cores.get(core, CoreTimes(0, 0))
            busy, idle = now.busy - before.busy, now.idle - before.idle
            if busy + idle > 0:
                shares[core] = busy / (busy + idle)
        return shares


def facts_of(loop: LoopMonitor, usage: ProcessUsage, *, in_flight_max: int) -> MachineFacts:
    """What was seen since both began."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MachineFacts(
        stalls=loop.stalls,
        longest_stall_s=loop.longest_s,
        worst_stalls=loop.worst(),
        loop_lag_p50_s=loop.lags.quantile_s(0.5),
        loop_lag_p99_s=loop.lags.quantile_s(0.99),
        longest_gc_s=loop.longest_gc_s,
        cpu_share=usage.cpu_share(),
        core_wait_share=usage.core_wait_share(),
        core_shares=usage.core_shares(),
        in_flight_max=in_flight_max,
        open_files_max=usage.open_files,
        open_files_limit=None if limit == resource.RLIM_INFINITY else limit,
        ports_max=usage.ports,
        ports_limit=ephemeral_ports(usage.proc),
    )


def _most(before: int | None, now: int | None) -> int | None:
    return before if now is None else max(before or 0, now)


def core_times(proc: Path) -> dict[int, CoreTimes]:
    """Ticks of each core that this process may use; none where the system doesn't say."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    found = {}
    for line in _lines(proc / "stat"):
        name, *fields = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in mine:
            # user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in user.
            ticks = [int(field) for field in fields[:8]]
            idle = ticks[3] + ticks[4]
            found[int(name[3:])] = CoreTimes(sum(ticks) - idle, idle)
    return found


def core_wait_s(proc: Path) -> float | None:
    """How long the main thread, which is the loop's, was ready to run and did not."""
    for line in _lines(proc / "self" / "schedstat"):
        _, waited_ns, _ = line.split()
        return int(waited_ns) / 1e9
    return None


def open_files(proc: Path) -> int | None:
    """Descriptors that this process has open."""
    directory = proc / "self" / "fd"
    try:
        # Linux 6.2 and later have the number as the size; to list thousands would hold up the loop.
        return directory.stat().st_size or len(os.listdir(directory))
    except OSError:
        return None


def tcp_sockets(proc: Path) -> int | None:
    """TCP sockets of the machine, in use or waiting to be forgotten; each may hold a port."""
    count = None
    for family in ("sockstat", "sockstat6"):
        for line in _lines(proc / "net" / family):
            name, *fields = line.split()
            if name.startswith("TCP"):
                figures = dict(zip(fields[::2], map(int, fields[1::2]), strict=False))
                count = (count or 0) + figures.get("inuse", 0) + figures.get("tw", 0)
    return count


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []
