"""Which services may be of one account: what it takes for one of them looks like another's bill.

    one key      whatever the URLs: names of one host, two paths or protocols of one provider
    two keys     of one host that shows the balance alone, where it is the same for both: what each
                 key used is not told apart

Keys that are told apart by their ids are two keys, even where somebody gave them one text.
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from headrace.jobs import UNIX, BalanceReading
from headrace.loopback import LOOPBACK, is_loopback

from ..secret import Secret

PORTS = {"http": 80, "https": 443}


class ReadAccount(NamedTuple):
    """A service with the first reading of its account."""

    service: str
    base_url: str
    key: Secret
    reading: BalanceReading


def shared_accounts(read: Sequence[ReadAccount]) -> list[list[str]]:
    """The services that can't be told to have accounts of their own, those of one account together.

    Args:
        read: each service that is sent to, its account read before anything was sent.

    Returns:
        Groups of names, of at least two, in the order of the services; [] where each has its own.
    """
    groups: list[list[ReadAccount]] = []
    for each in read:
        near = [group for group in groups if any(_may_be_one(each, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(one for group in near for one in group), each])
    order = [each.service for each in read]
    found = [sorted((each.service for each in group), key=order.index) for group in groups]
    return sorted(
        (names for names in found if len(names) > 1), key=lambda names: order.index(names[0])
    )


def _may_be_one(a: ReadAccount, b: ReadAccount) -> bool:
    one, other = a.reading, b.reading
    both_show = one.balance is not None and other.balance is not None
    if one.balance is None and other.balance is None:
        return False  # nobody watches what shows nothing
    if both_show and one.currency != other.currency:
        return False
    near = _place(a.base_url) == _place(b.base_url)
    if one.key_id is not None and other.key_id is not None:
        same_key = one.key_id == other.key_id and (near or a.key.is_same(b.key))
    else:
        same_key = a.key.is_same(b.key)
    if same_key or not near or not both_show:
        return same_key
    return one.balance == other.balance and not (_shows_use(one) and _shows_use(other))


def _shows_use(reading: BalanceReading) -> bool:
    return any(budget.used is not None for budget in reading.budgets.values())


def _place(base_url: str) -> tuple[str, int | None]:
    """The host and port that a URL names, however it does."""
    if base_url.startswith(UNIX):
        return base_url, None
    parts = urlsplit(base_url)
    host = (parts.hostname or "").removesuffix(".")
    return LOOPBACK if is_loopback(host) else host, parts.port or PORTS.get(parts.scheme)
