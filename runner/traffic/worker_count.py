"""How many processes send a load run."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from headrace.jobs import InputError, counted

from ..machine_limits import check_memory_for
from .settings import LoadSettings

if TYPE_CHECKING:
    from ..cluster import ClusterMachines


def workers_of(settings: LoadSettings, announce: Callable[[str], None] | None) -> int:
    """How many there are of the `--workers` that were asked for; told where they are fewer.

    What holds a run back as a whole (limits, money, retries) is held by one process. Nor are there
    more than have something to send. Raises InputError where memory is too small for them.
    """
    asked = settings.workers
    if asked == 1:
        return 1
    why = _one_alone(settings)
    found = 1 if why is not None else _useful(settings, asked)
    check_memory_for(found)
    if found < asked and announce is not None:
        why = why or "there is no more for others to send"
        sends = "one process sends" if found == 1 else f"{counted(found, 'worker')} send"
        announce(f"Of {counted(asked, 'worker')} that were asked for, {sends}: {why}.")
    return found


def workers_on_machines(settings: LoadSettings, machines: "ClusterMachines") -> int:
    """How many there are on the machines of a cluster, so many on each as were asked for.

    Raises InputError where the run has to be sent by one process.
    """
    if (why := _one_alone(settings)) is not None:
        raise InputError(f"with --cluster several processes send, and {why}; leave one of them out")
    asked = machines.workers_for(settings.workers, auto=settings.auto_workers)
    return _useful(settings, asked)


def _one_alone(settings: LoadSettings) -> str | None:
    """Why one process has to send it; None where several can."""
    if settings.rpm is not None or settings.tpm is not None or settings.model_limits:
        return "--rpm and --tpm hold for all requests together"
    if settings.max_cost is not None:
        return "--max-cost holds for all requests together"
    if settings.prices is not None and not settings.yes:
        return "with --prices the account's balance holds them all together, unless with --yes"
    if settings.attempts > 1:
        return "with --attempts a request that failed is due again"
    return None


def _useful(settings: LoadSettings, asked: int) -> int:
    bounds = (settings.shape.users, settings.requests, settings.concurrency)
    return min(each for each in (*bounds, asked) if each is not None)
