"""`make nights`: many simulated nights, and three through the command; prints a table."""

import math
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

from .by_command import three_nights
from .simulation import after_good_nights, alike, drift_cost, independent

SIMULATIONS = 400
KINDS = {"independent": independent, "same questions": alike}


def main(simulations: int = SIMULATIONS) -> int:
    """Print the table; 1 where a share is not what is promised."""
    click.echo(f"{simulations} of each, 300 questions at 70 %; red at 1 % over all conditions\n")
    click.echo(f"{'answers':16} {'what happens':53} {'red':>7}   promised")
    bad = 0
    for name, kind in KINDS.items():
        least = 0.85 if name == "independent" else 0.90
        for nights in (1, 5):
            falls, none = [], []
            for seed in range(simulations):
                rng = np.random.default_rng([seed, nights])
                falls.append(after_good_nights(kind(rng), nights, 0.55).red)
                none.append(after_good_nights(kind(rng), nights).verdicts)
            after = f"after {nights} good night{'s' * (nights > 1)}"
            bad += line(name, f"a fall of 15 points, {after}", share(falls), least, at_least=True)
            for beside in none[0]:
                red = share([each[beside] == "not met" for each in none])
                bad += line(name, f"no change, {after}, beside {beside}", red, 0.01)
        early = [
            drift_cost(kind(np.random.default_rng([seed, 9]))) < 12
            for seed in range(simulations // 4)
        ]
        said = "a point a night, red before it cost 12"
        bad += line(name, said, share(early), 0.80, at_least=True)
    with tempfile.TemporaryDirectory() as folder:
        codes = three_nights(Path(folder))
    click.echo(f"\nthrough the command: no change, no change, 15 points: exit codes {codes}")
    return int(bad > 0 or codes != [0, 0, 4])


def share(found: list[bool]) -> float:
    """How many of them are true."""
    return sum(found) / len(found)


def line(name: str, what: str, red: float, promised: float, *, at_least: bool = False) -> bool:
    """Print a line, and say whether it breaks its promise by more than the simulation's chance."""
    chance = 2.33 * math.sqrt(promised * (1 - promised) / SIMULATIONS)
    bad = red < promised - chance if at_least else red > promised + chance
    words = f"{'at least' if at_least else 'at most'} {promised:.0%}"
    click.echo(f"{name:16} {what:53} {red:7.1%}   {words}{'  BROKEN' if bad else ''}")
    return bad


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SIMULATIONS))
