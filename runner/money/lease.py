"""What a worker and its coordinator tell each other of money.

All amounts are sums since the worker began, so a message that comes twice changes nothing:

    lent >= back + spent + kept + reserved       at the worker, at every instant
"""

from datetime import datetime
from decimal import Decimal

import msgspec

ZERO = Decimal(0)


class LeaseUse(msgspec.Struct, frozen=True, array_like=True):
    """What a worker did with the money that was lent to it.

    `spent` and `kept` are those of its attempts that ended, `reserved` the bounds of those in
    flight, `unbounded` how many have none; `back` was given back. `need` is what its next attempt
    lacks, for which it waits, None where it waits for nothing; `want` is what it would take beside.
    `lent` is what it knows to be lent, `recall` the number of the latest recall that it has obeyed.
    """

    spent: Decimal = ZERO
    kept: Decimal = ZERO
    reserved: Decimal = ZERO
    back: Decimal = ZERO
    need: Decimal | None = None
    want: Decimal = ZERO
    lent: Decimal = ZERO
    recall: int = 0
    unbounded: int = 0
    unaccounted: int = 0


class Lease(msgspec.Struct, frozen=True, array_like=True):
    """What was `lent` to a worker. A `recall` with a number that it does not know asks back all
    that it has not reserved. `refused` says why there is no more, `resets_at` when there is."""

    lent: Decimal = ZERO
    recall: int = 0
    refused: str | None = None
    resets_at: datetime | None = None
