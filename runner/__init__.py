"""Doing it: schedule, limit, send, retry, record; and the command line's root.

The face is lazy: the root of the command line lives in this package, and `headrace --help` must
import neither polars nor httpx.
"""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .bulk import Progress, run, run_jobs
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
    from .options import RunOptions
    from .secret import Secret
    from .session import RunEnvironment, RunOutcome
    from .settings import RunSettings
    from .stop import Stop
    from .traffic import LoadOptions, load
    from .transport import Timeouts, TrioTransport

__all__ = [
    "BalanceError",
    "InterruptError",
    "KeyRefusedError",
    "LoadOptions",
    "OutOfMoneyError",
    "OutageError",
    "Progress",
    "RunDirectoryError",
    "RunEnvironment",
    "RunOptions",
    "RunOutcome",
    "RunSettings",
    "Secret",
    "Stop",
    "StorageError",
    "TerminateError",
    "Timeouts",
    "TrioTransport",
    "UnreachableError",
    "load",
    "run",
    "run_jobs",
]

__getattr__ = late(
    __name__,
    {
        "bulk": "Progress run run_jobs",
        "errors": (
            "BalanceError InterruptError KeyRefusedError OutOfMoneyError OutageError "
            "RunDirectoryError StorageError TerminateError UnreachableError"
        ),
        "options": "RunOptions",
        "secret": "Secret",
        "session": "RunOutcome RunEnvironment",
        "settings": "RunSettings",
        "stop": "Stop",
        "traffic": "LoadOptions load",
        "transport": "Timeouts TrioTransport",
    },
)
