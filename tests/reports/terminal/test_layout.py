"""Tables on a terminal that is narrower than they are."""

from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headrace.reports.terminal.layout import columns, print_body


def table(*names: str) -> Table:
    found = columns("service", "jobs", "cost, CNY", "account")
    for name in names:
        found.add_row(Text(name), "1,234", "0.014630123456", "0.01463")
    return found


def printed(what: Table, width: int) -> list[str]:
    out = StringIO()
    print_body(Console(file=out, width=width), what)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_table_that_fits_is_a_table() -> None:
    assert printed(table("east"), 80) == [
        "  service   jobs       cost, CNY  account",
        "  east     1,234  0.014630123456  0.01463",
    ]


def test_one_that_nearly_fits_is_written_closer() -> None:
    assert printed(table("east"), 40) == [
        "  service  jobs      cost, CNY account",
        "  east    1,234 0.014630123456 0.01463",
    ]


def test_a_long_name_is_folded_while_it_can_be_read() -> None:
    assert printed(table("a-service-with-a-long-name"), 46) == [
        "  service        jobs       cost, CNY  account",
        "  a-service-wi  1,234  0.014630123456  0.01463",
        "  th-a-long-na",
        "  me",
    ]


@pytest.mark.parametrize("name", ["east", "a-service-with-a-long-name", "東京の長い名前のサービス"])
def test_a_narrow_terminal_has_the_rows_one_after_the_other(name: str) -> None:
    """Regression: names stood one letter below the other, and figures lost their last digits."""
    lines = printed(table(name), 34)
    assert all(Text(line).cell_len <= 34 for line in lines)
    text = " ".join(" ".join(lines).split())
    assert text == f"{name} jobs 1,234 cost, CNY 0.014630123456 account 0.01463"


def test_a_row_that_continues_another_stays_below_it() -> None:
    found = columns("", "endpoint", "p50", left=2)
    found.add_row("latency", "all", "12.3 ms of a figure that is very long")
    found.add_row("", "chat", "1 ms")
    assert printed(found, 44) == [
        "  latency  endpoint all",
        "    p50 12.3 ms of a figure that is very",
        "  long",
        "    endpoint chat  p50 1 ms",
    ]
