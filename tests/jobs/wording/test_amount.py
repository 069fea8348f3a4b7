"""Amounts of money: exact, without trailing zeros."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import show_amount, strip_zeros


@pytest.mark.parametrize(
    ("amount", "text"),
    [("15.864284200000", "15.8642842"), ("1E+2", "100"), ("0E-12", "0"), ("20", "20")],
)
def test_an_amount_has_neither_trailing_zeros_nor_an_exponent(amount: str, text: str) -> None:
    assert str(strip_zeros(Decimal(amount))) == text
    assert show_amount(Decimal(amount)) == text


@given(st.decimals(min_value=0, max_value=10**9, places=12))
def test_nothing_is_rounded(amount: Decimal) -> None:
    assert strip_zeros(amount) == amount
    assert "E" not in show_amount(amount)
