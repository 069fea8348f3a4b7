"""`make repeats`: many simulated comparisons of several load runs a side; prints a table."""

import math
import sys

import click
import numpy as np

from .simulation import HOURS, Service, compared

SIMULATIONS = 400
RUNS = (2, 3, 5, 10)
SLOWER = 1.3


def main(simulations: int = SIMULATIONS) -> int:
    """Print the table; 1 where a share is not what is promised."""
    click.echo(f"{simulations} comparisons each; hours differ by {HOURS:.0%}\n")
    click.echo(f"{'runs a side':12} {'what':58} {'share':>7}   promised")
    bad = 0
    for runs in RUNS:
        wrong, tables, held, seen = [], [], [], []
        for seed in range(simulations):
            rng = np.random.default_rng([seed, runs])
            alike = compared(Service(rng), Service(rng), runs)
            # Of what never varies nothing can be found.
            judged = [each for each in alike if each.finding != "the same"]
            wrong += [each.finding != "none found" for each in judged]
            tables.append(any(each.finding in ("higher", "lower") for each in judged))
            slower = compared(Service(rng), Service(rng, slower=SLOWER), runs)
            (mean,) = (e for e in slower if (e.metric, e.statistic) == ("latency", "mean"))
            assert mean.low is not None
            assert mean.high is not None
            held.append(mean.low <= (SLOWER - 1) * TRUE_MEAN <= mean.high)
            seen.append(mean.low > 0)
        bad += line(runs, "alike, a figure's interval leaves out zero", wrong, 0.05)
        bad += line(runs, "alike, any figure of a table is found to differ", tables, 0.05)
        bad += line(
            runs, "slower by 30 %: the interval of the mean holds that", held, 0.93, least=True
        )
        click.echo(
            f"{runs:<12} {'slower by 30 %: the interval leaves out zero':58} {share(seen):7.1%}"
        )
    return int(bad > 0)


# Of the simulated latencies: lognormal in hours, and within them.
TRUE_MEAN = math.exp((HOURS**2 + 0.5**2 + 0.2**2) / 2)


def share(found: list[bool]) -> float:
    """How many of them are true."""
    return sum(found) / len(found)


def line(runs: int, what: str, found: list[bool], promised: float, *, least: bool = False) -> bool:
    """Print a line, and say whether it breaks its promise by more than the simulation's chance:
    figures of one comparison go together, so that counts comparisons."""
    part = share(found)
    chance = 2.33 * math.sqrt(promised * (1 - promised) / SIMULATIONS)
    bad = part < promised - chance if least else part > promised + chance
    words = f"{'at least' if least else 'at most'} {promised:.0%}"
    click.echo(f"{runs:<12} {what:58} {part:7.1%}   {words}{'  BROKEN' if bad else ''}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
