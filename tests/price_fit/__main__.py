"""`make prices`: prices told from accounts by the hundred, on the real gateway in virtual time."""

import sys
from collections.abc import Iterable

import click

from .adversity import NAMES, adverse
from .trial import Told, trial

SETS = 25
ADVERSE_SETS = 4
ACCOUNTS = (  # decimals, tokens of a long prompt
    (12, 1000),
    (6, 1000),
    (6, 400_000),
    (4, 1000),
    (2, 1000),
)
HEAD = "prices  exact  range  wrong  outside  silent  missed  noted"


def main(sets: int = SETS, adverse_sets: int = ADVERSE_SETS) -> int:
    """Print two tables; 1 where a price is told that is wrong, a range lacks the truth, or what the
    equations determine is not told, in an account that does as it says."""
    click.echo(f"{sets} lists of secret prices each, at most 60 requests; missed: what could be")
    click.echo("told and is not; noted: lists with a word on something amiss\n")
    click.echo(f"decimals  long prompts  requests  {HEAD}")
    bad = False
    for number, (decimals, tokens) in enumerate(ACCOUNTS):
        seeds = range(number * sets, (number + 1) * sets)
        made = [trial(seed, decimals, tokens=tokens) for seed in seeds]
        most = max(each.requests for each in made)
        click.echo(f"{decimals:8}  {tokens:12,}  {most:8}  {counts(made)}")
        bad |= any(each.wrong or each.outside for each in made)
        bad |= decimals == 12 and any(each.missed for each in made)
    click.echo(f"\nwhat a price list doesn't say, {adverse_sets} lists each\n")
    click.echo(f"{'':26}  decimals  {HEAD}")
    for name in NAMES:
        for decimals in (12, 6):
            made = [adverse(name, seed, decimals) for seed in range(adverse_sets)]
            click.echo(f"{name:26}  {decimals:8}  {counts(made)}")
    return int(bad)


def counts(made: Iterable[Told]) -> str:
    made = list(made)
    columns = (
        (6, sum(each.prices for each in made)),
        (5, sum(each.exact for each in made)),
        (5, sum(each.ranges for each in made)),
        (5, sum(len(each.wrong) for each in made)),
        (7, sum(len(each.outside) for each in made)),
        (6, sum(each.silent for each in made)),
        (6, sum(len(each.missed) for each in made)),
        (5, sum(each.noted for each in made)),
    )
    return "  ".join(f"{value:{width},}" for width, value in columns)


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:3])))
