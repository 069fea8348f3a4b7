"""The services of a settings file, for who looks at a job file and sends nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..costs import PriceTable, load_prices
from .checked import JobServices, check_one_currency, rules_of
from .table import choose_services, routing_of, services_in_settings


class ServicesAsRead(NamedTuple):
    """Which service a job goes to, and the prices of each by its name."""

    services: JobServices
    prices: Mapping[str, PriceTable | None]


def services_as_read(
    path: Path,
    *,
    names: Sequence[str],
    tpm: int | None,
    prices: PriceTable | None,
    bounded: bool,
) -> ServicesAsRead:
    """The services of a settings file, without their keys.

    Args:
        path: the settings file.
        names: of those that are wanted; without any all are.
        tpm: tokens per minute of services that set none.
        prices: of services without a price file.
        bounded: whether jobs whose cost nothing bounds are bad lines.

    Raises:
        InputError: a service or its price file can't be used, there is none of a name, or prices
            are in two currencies.
    """
    known = services_in_settings(path, rpm=None, tpm=tpm)
    found = choose_services(known, names)
    tables = {
        each.name: prices if each.prices is None else load_prices(Path(each.prices))
        for each in found
    }
    check_one_currency(tables)
    rules = rules_of(found, tables.get if bounded else None)
    return ServicesAsRead(JobServices(routing_of(known, found), rules), tables)
