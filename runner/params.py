"""What flags hold, read and checked: durations, counts, money."""

from decimal import Decimal, InvalidOperation
from typing import Any

import click


class Duration(click.ParamType[float]):
    """300ms, 90s, 30m, 2h, or seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from headrace.jobs import parse_duration  # a flag is read only once its command runs

        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CountOr(click.ParamType[int | str]):
    """A whole number of at least 1, or one word that stands for None."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.name = f"N|{word}"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        text = str(value).strip().lower().replace("_", "").replace(",", "")
        if text == self.word:
            return text
        # A number of thousands of digits is more than int() reads.
        if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < 1:
            self.fail(f"{value!r} is no whole number of at least 1, nor {self.word!r}", param, ctx)
        return int(text)


class Money(click.ParamType[Decimal]):
    """A decimal amount above zero."""

    name = "amount"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(0)
        if not amount.is_finite() or amount <= 0:
            self.fail(f"{value!r} is no amount above zero; write it like 2.50", param, ctx)
        return amount


def number_or_none(value: int | str) -> int | None:
    """What `CountOr` read: None for its word."""
    return value if isinstance(value, int) else None


BASE_URL = click.option(
    "--base-url",
    metavar="URL",
    envvar="HEADRACE_BASE_URL",
    help="The gateway.  [default: HEADRACE_BASE_URL]",
)
