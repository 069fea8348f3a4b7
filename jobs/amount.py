"""Amounts of money as they are shown and kept: exact, and without what says nothing."""

from decimal import Decimal


def plain(amount: Decimal) -> Decimal:
    """The same amount without zeros at its end, and without an exponent."""
    return Decimal(f"{amount.normalize():f}")
