"""Stalls are seen with their lengths; what /proc says is read as it stands there."""

import datetime as dt
import gc
import os
import time
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from headrace.runner.alarm import open_alarm
from headrace.runner.clock import RunClock
from headrace.runner.machine_limits import ephemeral_ports
from headrace.runner.traffic.machine import (
    TICK_S,
    WORST_KEPT,
    CoreTimes,
    LoopMonitor,
    ProcessUsage,
    core_times,
    facts_of,
    open_files,
    tcp_sockets,
)
from tests.runner.loop_workers import open_event_alarm

BEGAN = dt.datetime(2026, 6, 9, 8, 30, tzinfo=dt.UTC)


@pytest.mark.slow
async def test_a_loop_that_is_held_up_is_a_stall_of_that_length() -> None:
    with open_alarm() as alarm:
        loop = LoopMonitor(RunClock(lambda: BEGAN))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop.watch, alarm)
            await trio.sleep(2 * TICK_S)
            time.sleep(0.15)  # noqa: ASYNC251 - this is the stall
            await trio.sleep(2 * TICK_S)
            nursery.cancel_scope.cancel()
    assert loop.stalls >= 1
    # The watch was to look within a tick of the stall's beginning.
    assert loop.longest_s >= 0.15 - TICK_S
    assert loop.worst()[0].length_s == loop.longest_s


async def test_a_loop_that_is_on_time_has_no_stall(autojump_clock: MockClock) -> None:
    with open_event_alarm() as alarm:
        loop = LoopMonitor(RunClock(lambda: BEGAN))
        with trio.move_on_after(1.0):
            await loop.watch(alarm)
    # 99 or 100 of them: sums of hundredths.
    assert loop.lags.count in (99, 100)
    assert (loop.stalls, loop.longest_s) == (0, 0.0)
    assert loop.worst() == []


async def test_the_longest_stalls_are_kept_and_all_are_counted() -> None:
    loop = LoopMonitor(RunClock(lambda: BEGAN))
    now_s = trio.current_time()
    for n in range(50):
        loop.saw(0.1 + n / 100, now_s + n)
    assert loop.stalls == 49  # 0.1 s itself is none
    assert [stall.length_s for stall in loop.worst()] == [
        0.1 + n / 100 for n in range(49, 49 - WORST_KEPT, -1)
    ]
    assert abs(loop.worst()[0].at - BEGAN - dt.timedelta(seconds=49)) < dt.timedelta(seconds=1)
    loop.begin()
    assert (loop.stalls, loop.longest_s, loop.worst()) == (0, 0.0, [])


@pytest.mark.slow
async def test_looks_for_cycles_are_timed() -> None:
    loop = LoopMonitor(RunClock(lambda: BEGAN))
    with loop.garbage_timed():
        assert loop.longest_gc_s == 0.0
        gc.collect()
        assert loop.longest_gc_s > 0.0
    before = len(gc.callbacks)
    with loop.garbage_timed():
        assert len(gc.callbacks) == before + 1
    assert len(gc.callbacks) == before


def fake_proc(path: Path, *, busy: int, idle: int) -> Path:
    """A /proc with one core of ours, and one that is not."""
    core = min(os.sched_getaffinity(0))
    (path / "self" / "fd").mkdir(parents=True, exist_ok=True)
    (path / "net").mkdir(exist_ok=True)
    (path / "sys" / "net" / "ipv4").mkdir(parents=True, exist_ok=True)
    (path / "stat").write_text(
        f"cpu  9 9 9 9 9 9 9 9 0 0\ncpu{core} {busy} 0 0 {idle - 5} 5 0 0 0 0 0\n"
        "cpu9999 1 1 1 1 1 1 1 1 0 0\nintr 12\n"
    )
    (path / "net" / "sockstat").write_text(
        "sockets: used 42\nTCP: inuse 5 orphan 0 tw 7 alloc 5 mem 1\nUDP: inuse 3 mem 0\n"
    )
    (path / "net" / "sockstat6").write_text("TCP6: inuse 2\nUDP6: inuse 0\n")
    (path / "sys" / "net" / "ipv4" / "ip_local_port_range").write_text("32768\t60999\n")
    return path


def test_proc_is_read_as_it_stands_there(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    proc = fake_proc(tmp_path, busy=100, idle=50)
    assert core_times(proc) == {core: CoreTimes(100, 50)}
    assert tcp_sockets(proc) == 5 + 7 + 2
    assert ephemeral_ports(proc) == 60999 - 32768 + 1


def test_a_core_s_share_is_of_the_time_since_the_beginning(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    usage = ProcessUsage(fake_proc(tmp_path, busy=100, idle=50))
    fake_proc(tmp_path, busy=130, idle=60)
    assert usage.core_shares() == {core: 0.75}


def test_what_the_client_waited_for_its_core_is_of_the_time_since_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("headrace.runner.traffic.machine.time.perf_counter", lambda: now_s)
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "schedstat").write_text("9000000000 2000000000 17\n")
    usage = ProcessUsage(tmp_path)
    (tmp_path / "self" / "schedstat").write_text("9500000000 3000000000 29\n")
    now_s = 104.0
    assert usage.core_wait_share() == 0.25


def test_a_system_without_proc_says_nothing(tmp_path: Path) -> None:
    usage = ProcessUsage(tmp_path)
    usage.sample()
    assert (usage.open_files, usage.ports) == (None, None)
    assert usage.core_shares() == {}
    assert usage.core_wait_share() is None
    assert ephemeral_ports(tmp_path) is None


def test_open_files_are_those_of_this_process() -> None:
    before = open_files(Path("/proc"))
    if before is None:
        pytest.skip("no /proc here")
    read, write = os.pipe()
    try:
        assert open_files(Path("/proc")) == before + 2
    finally:
        os.close(read)
        os.close(write)


async def test_the_facts_are_of_both_watches(tmp_path: Path) -> None:
    loop, usage = (
        LoopMonitor(RunClock(lambda: BEGAN)),
        ProcessUsage(fake_proc(tmp_path, busy=1, idle=9)),
    )
    loop.saw(0.25, trio.current_time())
    usage.sample()
    facts = facts_of(loop, usage, in_flight_max=7)
    assert (facts.stalls, facts.longest_stall_s, facts.in_flight_max) == (1, 0.25, 7)
    assert (facts.ports_max, facts.ports_limit) == (14, 28232)
    assert facts.cpu_share is not None
    assert facts.cpu_share > 0
