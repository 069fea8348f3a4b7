"""The command of this room."""

from typing import Any

import click


def _amount(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Any:
    from decimal import Decimal, InvalidOperation

    if value is None:
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(f"{value!r} is no amount of zero or more, such as 0.01")
    return amount


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print the same as data.")
@click.option(
    "--tolerance",
    metavar="AMOUNT",
    callback=_amount,
    help="What the balance may differ by.  [default: one unit in its last decimal, at most 0.01]",
)
def report(run: str, *, as_json: bool, tolerance: Any) -> None:
    """Show what a run did, cost and took.

    RUN is a run directory: of a run that ended, was killed, or still goes on.
    """
    from pathlib import Path

    from rich.console import Console

    from .summary import summarise, summary_json
    from .terminal import print_summary

    summary = summarise(Path(run), tolerance=tolerance)
    if as_json:
        click.echo(summary_json(summary), nl=False)
    else:
        print_summary(summary, Console())
