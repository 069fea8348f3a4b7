"""Amounts of money as they are shown and stored: exact, without trailing zeros."""

from decimal import Decimal


def plain(amount: Decimal) -> Decimal:
    """The same amount without trailing zeros and without an exponent."""
    return Decimal(f"{amount.normalize():f}")
