"""The runs that prices are told from."""

from collections.abc import Sequence
from pathlib import Path

from headrace.jobs import InputError, PriceTable, printable

from ..run import Run, open_run
from .observed import Observed


def open_runs(names: Sequence[str]) -> list[Run]:
    """Open runs, each once.

    Raises:
        InputError: one is not a run, or can't be read.
    """
    directories = dict.fromkeys(Path(name).resolve() for name in names)
    return [open_run(directory) for directory in directories]


def refuse_other_currency(table: PriceTable, observed: Observed, file: str) -> None:
    """Raise InputError where a price file and an account are in different currencies."""
    if table.currency != observed.currency:
        raise InputError(
            f"{file} is in {printable(table.currency)} and the account in "
            f"{printable(observed.currency)}: they can't be compared"
        )
