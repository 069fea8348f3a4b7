"""The runs that prices are told from."""

from collections.abc import Sequence
from pathlib import Path

from headrace.jobs import InputError, PriceTable, printable

from ..run import Run, open_run
from ..service_runs import run_of_service
from .observed import Observed


def open_runs(names: Sequence[str], *, service: str | None = None) -> list[Run]:
    """Open runs, each once, and of those with services the part that has one account.

    Args:
        names: the run directories.
        service: whose part; None for the only one, and where there are none.

    Raises:
        InputError: one is not a run, can't be read, or has no such service or several.
    """
    directories = dict.fromkeys(Path(name).resolve() for name in names)
    return [run_of_service(open_run(directory), service) for directory in directories]


def refuse_other_currency(table: PriceTable, observed: Observed, file: str) -> None:
    """Raise InputError where a price file and an account are in different currencies."""
    if table.currency != observed.currency:
        raise InputError(
            f"{file} is in {printable(table.currency)} and the account in "
            f"{printable(observed.currency)}: they can't be compared"
        )
