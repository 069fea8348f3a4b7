"""The services of a settings file, for who looks at a job file and sends nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..costs import PriceTable, load_prices
from .checked import JobServices, rules_of
from .table import routing_of, services_in_settings


class ServicesAsRead(NamedTuple):
    """Which service a job goes to, and the prices of each by its name."""

    services: JobServices
    prices: Mapping[str, PriceTable | None]


def services_as_read(
    path: Path, *, tpm: int | None, prices: PriceTable | None, bounded: bool
) -> ServicesAsRead:
    """The services of a settings file, without their keys.

    Args:
        path: the settings file.
        tpm: tokens per minute of services that set none.
        prices: of services without a price file.
        bounded: whether jobs whose cost nothing bounds are bad lines.

    Raises:
        InputError: a service or its price file can't be used.
    """
    found = services_in_settings(path, rpm=None, tpm=tpm)
    tables = {
        each.name: prices if each.prices is None else load_prices(Path(each.prices))
        for each in found
    }
    rules = rules_of(found, tables.get if bounded else None)
    return ServicesAsRead(JobServices(routing_of(found, found), rules), tables)
