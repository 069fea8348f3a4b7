"""Numbers as flags hold them: thousands may be set apart, and 1,00 is asked about."""

from decimal import Decimal

import click
import pytest

from headrace.runner.params import CountOr, Money


@pytest.mark.parametrize(
    ("text", "count"), [("1000", 1000), ("1,000", 1000), ("12,345,678", 12345678), ("1_000", 1000)]
)
def test_thousands_may_be_set_apart(text: str, count: int) -> None:
    assert CountOr("none").convert(text, None, None) == count


@pytest.mark.parametrize("text", ["1,00", "1,0000", ",100", "100,", "1,,000"])
def test_a_comma_elsewhere_is_not_a_whole_number(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not a whole number"):
        CountOr("none").convert(text, None, None)


def test_an_amount_with_a_decimal_comma_is_asked_about() -> None:
    assert Money().convert("1.00", None, None) == Decimal("1.00")
    with pytest.raises(click.BadParameter, match=r"did you mean 1\.00\?$"):
        Money().convert("1,00", None, None)
    with pytest.raises(click.BadParameter, match=r"like 2\.50$"):
        Money().convert("much", None, None)
