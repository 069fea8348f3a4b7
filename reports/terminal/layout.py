"""How a report on a terminal looks: sections, tables without lines, times and amounts."""

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.jobs import plain, safe

# Name, size in seconds, and up to where it is used: what would be rounded to the next one's size.
UNITS = (
    ("µs", 1e-6, 0.0009995),
    ("ms", 1e-3, 0.9995),
    ("s", 1.0, 99.95),
    ("min", 60.0, 5997.0),
)


def endpoint(url: str) -> str:
    """An endpoint's short name: /v1/chat/completions is chat."""
    return safe(url).removeprefix("/v1/").partition("/")[0] or safe(url)


def duration(seconds: float) -> str:
    """A time with three digits, in the unit that suits it: µs, ms, s, min or h."""
    for unit, size, limit in UNITS:
        if seconds < limit:
            digits = f"{seconds / size:#.3g}".removesuffix(".")
            return f"{'0' if seconds == 0 else digits} {unit}"
    return f"{seconds / 3600:,.1f} h"


def money(amount: Decimal | None, currency: str | None) -> str:
    """An amount with all its digits, or a dash where it is not known."""
    return "-" if amount is None else f"{plain(amount):,f} {currency or ''}".rstrip()


def aligned(amounts: Sequence[Decimal | None]) -> list[str]:
    """Amounts of one width with their decimal points below each other, and all their digits."""
    texts = [money(amount, None) for amount in amounts]
    places = [len(text.partition(".")[2]) + ("." in text) for text in texts]
    most = max(places, default=0)
    padded = [text + " " * (most - n) for text, n in zip(texts, places, strict=True)]
    width = max(map(len, padded), default=0)
    return [text.rjust(width) for text in padded]


def heading(console: Console, text: str) -> None:
    """Print a section's name, with a blank line before it."""
    console.print()
    console.print(Text(text, style="bold"))


def columns(*columns: str, left: int = 1) -> Table:
    """A table without lines, its first `left` columns to the left and the numbers to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for n, column in enumerate(columns):
        table.add_column(
            column,
            justify="left" if n < left else "right",
            no_wrap=n >= left,
            overflow="fold",
        )
    return table


def show(console: Console, what: Table | Text | str, style: str = "") -> None:
    """Print something two columns in, its further lines too."""
    text = Text(what, style) if isinstance(what, str) else what
    console.print(Padding(text, (0, 0, 0, 2), expand=False))


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural but for one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
