"""Amounts of money as they are shown and stored: exact, without trailing zeros."""

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

# Neither the caller's decimal context nor a long sum may round: an inexact step is an error.
EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
# What a column of money holds: more places are those of a mean or a float, and are rounded.
PLACES = Decimal("1e-12")
_WIDE = Context(prec=60)


def strip_zeros(amount: Decimal) -> Decimal:
    """The same amount without trailing zeros and without an exponent."""
    return Decimal(show_amount(amount))


def show_amount(amount: Decimal) -> str:
    """An amount as text: all its digits, without trailing zeros and without an exponent."""
    return f"{amount.normalize():f}"


def to_places(amount: Decimal) -> Decimal:
    """An amount with at most the 12 decimals of a column of money; rounded where it has more."""
    return amount.quantize(PLACES, context=_WIDE)
