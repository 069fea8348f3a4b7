"""What ends a run early, each with its exit code.

    jobs.HeadraceError                   exit 1
    ├── jobs.InputError                  exit 2   wrong usage or input
    │   ├── RunDirectoryError            exit 2   the directory belongs to another file or process
    │   └── UnreachableError             exit 2   nothing answers at the base URL
    ├── BalanceError                     exit 1   the service shows no balance
    ├── StorageError                     exit 1   the run directory can't be written to any more
    ├── OutageError                      exit 1   the service failed for longer than --outage
    ├── OutOfMoneyError                  exit 3   balance or budget is spent
    ├── OverbilledError                  exit 3   more was billed than anything accounts for
    ├── JobsRefusedError                 exit 1   the same 4xx to all jobs of a url and model
    ├── WorkerError                      exit 1   workers can't be started, or all of them are lost
    │   └── CoordinatorLostError         exit 1   within a worker: whoever started it is gone
    ├── KeyRefusedError                  exit 5   401, or 403 to all that was tried
    └── InterruptError                   exit 130 SIGINT
        ├── HangUpError                  exit 129 SIGHUP
        ├── QuitError                    exit 131 SIGQUIT
        └── TerminateError               exit 143 SIGTERM

All but the first four stop a run that is under way: what was finished is recorded, and the same
command resumes from there.
"""

from datetime import datetime

from headrace.jobs import HeadraceError, InputError


class RunDirectoryError(InputError):
    """The run directory can't be used for this job file; nothing in it was touched."""


class UnreachableError(InputError):
    """No connection could be made before the first job; nothing was sent."""


class BalanceError(HeadraceError):
    """The service shows no balance, and nothing but the balance was asked for."""


class StorageError(HeadraceError):
    """A write to the run directory failed; sending stops at once."""


class OutageError(HeadraceError):
    """The service failed without a break for longer than the run was told to bear."""


class OutOfMoneyError(HeadraceError):
    """The balance or a budget of the key is spent; `resets_at` is when there is money again, None
    where nobody knows."""

    exit_code = 3

    def __init__(self, message: str, *, resets_at: datetime | None = None) -> None:
        super().__init__(message)
        self.resets_at = resets_at


class OverbilledError(HeadraceError):
    """More was billed than an attempt can cost, or the account took more than the run knows of."""

    exit_code = 3


class JobsRefusedError(HeadraceError):
    """The first jobs of a url and model were all refused in the same way."""


class WorkerError(HeadraceError):
    """Workers can't be started, or none of them is left."""


class CoordinatorLostError(WorkerError):
    """The process that started this worker is gone: what is in flight may finish, and no more."""


class KeyRefusedError(HeadraceError):
    """The gateway refused the key."""

    exit_code = 5


class InterruptError(HeadraceError):
    """SIGINT came, and the run stopped cleanly."""

    exit_code = 130


class HangUpError(InterruptError):
    """SIGHUP came, as when a terminal is closed, and the run stopped cleanly."""

    exit_code = 129


class QuitError(InterruptError):
    """SIGQUIT came, and the run stopped cleanly."""

    exit_code = 131


class TerminateError(InterruptError):
    """SIGTERM came, and the run stopped cleanly."""

    exit_code = 143
