"""Doing it: schedule, limit, send, retry, record; and the command line's root.

The face is lazy: the root of the command line lives in this package, and `headrace --help` must
import neither polars nor httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bulk import run, run_jobs
    from .errors import (
        BalanceError,
        InterruptError,
        KeyRefusedError,
        OutageError,
        OutOfMoneyError,
        RunDirectoryError,
        StorageError,
        TerminateError,
        UnreachableError,
    )
    from .progress import Progress
    from .secret import Secret
    from .session import RunOutcome, World
    from .settings import RunSettings
    from .stop import Stop
    from .traffic.load import load
    from .traffic.options import LoadOptions
    from .transport import Timeouts, TrioTransport

_HOMES = {
    "BalanceError": "errors",
    "InterruptError": "errors",
    "KeyRefusedError": "errors",
    "LoadOptions": "traffic.options",
    "OutOfMoneyError": "errors",
    "OutageError": "errors",
    "Progress": "progress",
    "RunDirectoryError": "errors",
    "RunOutcome": "session",
    "RunSettings": "settings",
    "Secret": "secret",
    "Stop": "stop",
    "StorageError": "errors",
    "TerminateError": "errors",
    "Timeouts": "transport",
    "TrioTransport": "transport",
    "UnreachableError": "errors",
    "World": "session",
    "load": "traffic.load",
    "run": "bulk",
    "run_jobs": "bulk",
}

__all__ = [
    "BalanceError",
    "InterruptError",
    "KeyRefusedError",
    "LoadOptions",
    "OutOfMoneyError",
    "OutageError",
    "Progress",
    "RunDirectoryError",
    "RunOutcome",
    "RunSettings",
    "Secret",
    "Stop",
    "StorageError",
    "TerminateError",
    "Timeouts",
    "TrioTransport",
    "UnreachableError",
    "World",
    "load",
    "run",
    "run_jobs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
