"""Waiting for a budget's reset, between two sessions of a run."""

import threading
from collections.abc import Callable
from datetime import datetime

import trio

from headrace.jobs import show_duration

from ..errors import InterruptError
from ..signals import interruption, stopping_signals

# The wall clock may be set, and a machine may sleep: neither is seen in one long wait.
STEP_S = 60.0
# Clocks differ, and a reset takes its time.
MARGIN_S = 2.0


async def wait_for_reset(
    resets_at: datetime,
    *,
    wall: Callable[[], datetime],
    announce: Callable[[str], None] | None = None,
) -> InterruptError | None:
    """Sleep until `resets_at`. Returns what interrupted it, None where nothing did."""
    if announce is not None:
        left = show_duration(max(0.0, (resets_at - wall()).total_seconds()))
        announce(f"Waiting {left}, until {resets_at.isoformat()}, for the budget's reset.")
    interrupted: list[InterruptError] = []
    async with trio.open_nursery() as nursery:
        if threading.current_thread() is threading.main_thread():
            await nursery.start(_heed_signals, interrupted, nursery.cancel_scope)
        left_s = (resets_at - wall()).total_seconds() + MARGIN_S
        while left_s > 0:
            await trio.sleep(min(left_s, STEP_S))  # no event tells of a clock
            left_s = (resets_at - wall()).total_seconds() + MARGIN_S
        nursery.cancel_scope.cancel()
    return interrupted[0] if interrupted else None


async def _heed_signals(
    interrupted: list[InterruptError],
    scope: trio.CancelScope,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    with trio.open_signal_receiver(*stopping_signals()) as signals:
        task_status.started()
        async for number in signals:
            interrupted.append(interruption(number))
            scope.cancel()
