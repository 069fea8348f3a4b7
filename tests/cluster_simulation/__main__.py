"""`make cluster`: simulated workers, many times over; prints a table."""

import sys
from decimal import Decimal
from typing import NamedTuple

import click
import trio
from trio.testing import MockClock

from .simulation import Case, Cluster, Found

SEEDS = 10
HEAD = (
    f"{'case':46} {'seeds':>5} {'used':>7} {'promised':>8} {'window':>8} {'429':>4} {'broken':>6}"
)


class Kind(NamedTuple):
    """Cases of one kind: `promised` is the least use of the tighter limit, None where workers die
    or stop, whose shares are lost for a while; `seeds` the part of them that it is tried with."""

    name: str
    case: Case
    promised: float | None = None
    seeds: float = 1.0


EVEN = Case(workers=8, seconds=185)
TOKENS = EVEN._replace(tpm=3_000_000, tokens=4000)
MONEY = TOKENS._replace(rpm=1200, max_cost=Decimal(4), seconds=400)
BUSY = EVEN._replace(rpm=1200, seconds=300, deaths=3, joins=3, stops=3)
BUSY_MONEY = MONEY._replace(late_s=0.5, deaths=3, joins=3, stops=3)
MANY = EVEN._replace(workers=100, rpm=6000, uneven=True)
KINDS = [
    Kind("8 workers, 60 requests a minute", EVEN._replace(rpm=60), 0.98),
    Kind("8 workers, 600", EVEN._replace(rpm=600), 0.99),
    Kind("8 workers, 600, messages up to 2 s late", EVEN._replace(rpm=600, late_s=2.0), 0.98),
    Kind("8 workers, 600, most run dry", EVEN._replace(rpm=600, uneven=True), 0.98),
    Kind("8 workers, 600, two join", EVEN._replace(rpm=600, joins=2), 0.95),
    Kind("8 workers, 600, after a session that was killed", EVEN._replace(rpm=600, past=500), 0.99),
    Kind("8 workers, 3 M tokens a minute", TOKENS, 0.98),
    Kind("8 workers, 100,000 tokens", TOKENS._replace(tpm=100_000, tokens=1000), 0.98),
    Kind("8 workers, 1200 and 3 M", TOKENS._replace(rpm=1200), 0.98),
    Kind("8 workers, 1200, 3 die, join and stop", BUSY),
    Kind("8 workers, a ceiling of money", MONEY),
    Kind("8 workers, a ceiling; 3 die, join and stop", BUSY_MONEY),
    Kind("100 workers, 6000, most run dry", MANY, 0.98, 0.3),
    Kind("1000 workers, 600", EVEN._replace(workers=1000, rpm=600, seconds=125), 0.99, 0.1),
    Kind("1000 workers, 40,000", EVEN._replace(workers=1000, rpm=40_000, seconds=95), 0.99, 0.1),
    Kind(
        "1000 workers, a ceiling; 100 die, join and stop",
        Case(1000, rpm=40_000, tokens=4000, tpm=400_000_000, max_cost=Decimal(120), seconds=95,
             deaths=100, joins=100, stops=100),
        None,
        0.1,
    ),
]  # fmt: skip


class Row(NamedTuple):
    """What came of all seeds of a kind: the worst of it. `left` is what of a ceiling of money was
    neither spent nor kept at the end, where there was one."""

    name: str
    seeds: int
    used: float | None
    promised: float | None
    window: float
    refused: int
    broken: int
    left: float | None

    @property
    def bad(self) -> bool:
        """Whether a promise is broken."""
        unused = self.promised is not None and (self.used or 0.0) < self.promised
        return bool(self.refused or self.broken or self.window > 1 or unused)


def main(seeds: int = SEEDS) -> int:
    """Print the table; 1 where a promise is broken."""
    click.echo("used: of the tighter limit, past the first minute while work waits, the least of")
    click.echo(
        "all seeds. window: the most in any 60.5 s. 429: of fixed minutes, sliding, bucket.\n"
    )
    click.echo(HEAD)
    rows = [tried(kind, seeds) for kind in KINDS]
    ended = [row for row in rows if row.left is not None]
    click.echo(
        f"\nmoney: {sum(row.seeds for row in ended)} runs to a ceiling, none beyond it; at most "
        f"{max(row.left or 0.0 for row in ended):.2%} of it was left"
    )
    return int(any(row.bad for row in rows))


def tried(kind: Kind, seeds: int) -> Row:
    """One row: the worst of all seeds."""
    case = kind.case
    times = max(1, round(seeds * kind.seeds))
    found = [simulate(case._replace(seed=seed)) for seed in range(times)]
    left = None
    if case.max_cost is not None:
        left = float(max(1 - each.taken / case.max_cost for each in found))
    row = Row(
        name=kind.name,
        seeds=times,
        used=None if left is not None else min(max(each[1:3]) for each in found),
        promised=kind.promised,
        window=max(max(each.most_requests, each.most_tokens) for each in found),
        refused=sum(sum(each.refused.values()) for each in found),
        broken=sum(len(each.broken) for each in found),
        left=left,
    )
    promised = "" if row.promised is None else f"{row.promised:.0%}"
    used = "" if row.used is None else f"{row.used:.2%}"
    click.echo(
        f"{row.name:46} {times:5} {used:>7} {promised:>8} {row.window:8.2%} {row.refused:4} "
        f"{row.broken:6}{'  BROKEN' * row.bad}"
    )
    return row


def simulate(case: Case) -> Found:
    """One case, from start to end."""

    async def run() -> Found:
        return await Cluster(case).run()

    return trio.run(run, clock=MockClock(autojump_threshold=0))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS))
