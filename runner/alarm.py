"""Waiting for a moment to the microsecond: a timerfd where there is one.

epoll rounds a timeout up to whole milliseconds, so a task that sleeps on trio's clock wakes up to a
millisecond late. The kernel makes a timerfd readable within some ten microseconds of its time.
Python has `os.timerfd_create` from 3.13 on; before that, libc has.
"""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import trio

_CLOCK_MONOTONIC = 1  # what time.perf_counter reads on Linux
_TIMER_ABSOLUTE = 1
_AT_ONCE_S = 1e-9  # long past, and not 0: that would switch the timer off


class Alarm(Protocol):
    """Wakes one task at a moment on trio's clock, or when another task rings."""

    async def wait_until(self, moment_s: float) -> None:
        """Return at the moment, or as soon as `ring` was called since the last wait."""

    def ring(self) -> None:
        """Wake the task that waits, or keep the next wait from waiting."""


# Opens an alarm for the length of a block.
OpenAlarm = Callable[[], contextlib.AbstractContextManager[Alarm]]


class EventAlarm:
    """On trio's own clock, real or virtual."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    async def wait_until(self, moment_s: float) -> None:
        with trio.CancelScope(deadline=moment_s):
            await self._rung.wait()
        self._rung = trio.Event()

    def ring(self) -> None:
        self._rung.set()


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Time), ("value", _Time))


class TimerAlarm:
    """On a timerfd, for trio's real clock. `open_alarm` makes and closes it."""

    def __init__(self, libc: ctypes.CDLL, descriptor: int) -> None:
        self._libc = libc
        self._descriptor = descriptor
        self._setting = _Setting()
        # The timer's clock counts from the machine's start, trio's from a moment of its own.
        self._offset_s = trio.current_time() - time.perf_counter()
        self._rung = False

    async def wait_until(self, moment_s: float) -> None:
        if not self._rung:
            self._set(max(_AT_ONCE_S, moment_s - self._offset_s))
        await trio.lowlevel.wait_readable(self._descriptor)
        self._rung = False
        with contextlib.suppress(BlockingIOError):
            os.read(self._descriptor, 8)

    def ring(self) -> None:
        if not self._rung:
            self._rung = True
            self._set(_AT_ONCE_S)

    def _set(self, at_s: float) -> None:
        value = self._setting.value
        if at_s == float("inf"):
            value.seconds = value.nanoseconds = 0  # off, until somebody rings
        else:
            value.seconds = int(at_s)
            value.nanoseconds = int((at_s - value.seconds) * 1e9) or 1
        setting = ctypes.byref(self._setting)
        if self._libc.timerfd_settime(self._descriptor, _TIMER_ABSOLUTE, setting, None):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def open_alarm() -> Iterator[Alarm]:
    """The finest alarm that this system has, for trio's real clock; closed with the block."""
    libc = _libc_with_timers()
    descriptor = -1
    if libc is not None:
        descriptor = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if libc is None or descriptor < 0:
        yield EventAlarm()
        return
    try:
        yield TimerAlarm(libc, descriptor)
    finally:
        os.close(descriptor)


def _libc_with_timers() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return libc if hasattr(libc, "timerfd_create") else None
