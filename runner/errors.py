"""What ends a run early, each with its exit code.

    jobs.HeadraceError                   exit 1
    ├── jobs.InputError                  exit 2   wrong usage or input
    │   ├── RunDirectoryError            exit 2   the directory belongs to another file or process
    │   └── UnreachableError             exit 2   nothing answers at the base URL
    ├── BalanceError                     exit 1   the service shows no balance
    ├── StorageError                     exit 1   the run directory can't be written to any more
    ├── OutageError                      exit 1   the service failed for longer than --outage
    ├── OutOfMoneyError                  exit 3   balance or budget is spent
    │   └── MaxCostError                 exit 3   the user's own ceiling is reached
    ├── OverbilledError                  exit 3   more was billed than anything accounts for
    │   └── BeyondBoundError             exit 3   an answer alone, more than it could cost
    ├── ServicesStoppedError                      some of several services stopped: by their reasons
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

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from headrace.jobs import HeadraceError, InputError

# How advice ends for whoever can resume.
RESUME = ", and run the same command again to resume"


def without_resuming(message: str) -> str:
    """The same for a load run, which can't be resumed."""
    return message.replace(RESUME, "")


@contextmanager
def never_resumed() -> Iterator[None]:
    """Within it errors say nothing of resuming."""
    try:
        yield
    except HeadraceError as error:
        vars(error).update(
            message=without_resuming(error.message), said=without_resuming(error.said)
        )
        raise


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


class MaxCostError(OutOfMoneyError):
    """The user's own ceiling is reached, which is over all services."""


class OverbilledError(HeadraceError):
    """The account took more than the run knows of."""

    exit_code = 3


class BeyondBoundError(OverbilledError):
    """An answer was billed more than its attempt could cost, so the user's own ceiling can't be
    kept."""


class JobsRefusedError(HeadraceError):
    """The first jobs of a url and model were all refused in the same way."""


class WorkerError(HeadraceError):
    """Workers can't be started, or none of them is left."""


class CoordinatorLostError(WorkerError):
    """The process that started this worker is gone: what is in flight may finish, and no more."""


class KeyRefusedError(HeadraceError):
    """The gateway refused the key."""

    exit_code = 5


# Of services that stopped: the sentence is a line, and the report has each.
REASONS_TOLD = 3


class ServicesStoppedError(HeadraceError):
    """Services stopped, each for its own reason, and what the others had to do is done.

    `reasons` are by the services' names, and the exit code is `first_exit_code` of them;
    `resets_at` is when the first of those that stopped for money has some again, None where nobody
    knows.
    """

    def __init__(self, reasons: Mapping[str, HeadraceError]) -> None:
        words = [f"the service {name} stopped: {each.message}" for name, each in reasons.items()]
        if others := words[REASONS_TOLD:]:
            words[REASONS_TOLD:] = [f"{len(others)} more stopped, see `headrace report`"]
        super().__init__("; ".join(words))
        resets = [each.resets_at for each in reasons.values() if isinstance(each, OutOfMoneyError)]
        self.resets_at = min((each for each in resets if each is not None), default=None)


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


# What is wrong with one service; the money that the user allows is over all of them.
_OF_SERVICE = (
    UnreachableError,
    OutageError,
    OutOfMoneyError,
    OverbilledError,
    JobsRefusedError,
    KeyRefusedError,
)
# Exit codes, the first that applies: signals, input, the key, money, and then any other stop.
_EXIT_ORDER = (129, 130, 131, 143, 2, 5, 3)


def is_of_service(reason: HeadraceError) -> bool:
    """Whether it concerns one service, so that others may carry on."""
    return isinstance(reason, _OF_SERVICE) and not isinstance(
        reason, MaxCostError | BeyondBoundError
    )


def first_exit_code(reasons: Iterable[HeadraceError]) -> int:
    """The exit code of a run that stopped for all of these: that of the one that comes first."""
    codes = {reason.exit_code for reason in reasons}
    return next((code for code in _EXIT_ORDER if code in codes), 1)
