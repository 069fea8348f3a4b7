"""How far the answers of a load run depend on one another: users of one queue wait together."""

import numpy as np
import polars as pl

from ..run import Run
from .intervals import Floats

BATCHES = 20
# Of an open loop, whose queue comes and goes over longer stretches, since nobody waits for it: so
# many batches, and how much wider than the normal distribution Student's t of them is, at 99 %.
OPEN_BATCHES = {20: 2.8609 / 2.5758, 10: 3.2498 / 2.5758}
BATCH_FROM = 5
# Which answers count as slow: those that objectives are about.
SLOWEST = 0.1


# What an answer of an open loop is worth at most.
OPEN_WORTH = min(1 / wider**2 for wider in OPEN_BATCHES.values())


def independent_share(latencies: Floats, *, open_loop: bool) -> float:
    """What an answer is worth, from 0 to 1, beside one that is independent of the others.

    By batch means (B. Schmeiser, Operations Research 30(3), 1982), of which answers are among the
    slowest tenth: over stretches of answers in a row their share varies as over so many that are
    independent, or more. Of an open loop the lesser of what twenty stretches say and ten longer
    ones, each less for being made of few, as Student's t is wider than the normal distribution.

    Args:
        latencies: in the order in which the requests were due.
        open_loop: whether requests were due without regard to the answers.
    """
    if len(latencies) < BATCH_FROM:
        return 1.0
    slow = (latencies > np.quantile(latencies, 1 - SLOWEST)).astype(float)
    if not open_loop:
        return _share(slow, BATCHES)
    return min(_share(slow, batches) / wider**2 for batches, wider in OPEN_BATCHES.items())


def _share(slow: Floats, batches: int) -> float:
    """1 where the answers are too few to tell."""
    if len(slow) < batches * BATCH_FROM:
        return 1.0
    size = len(slow) // batches
    shares = slow[: batches * size].reshape(batches, size).mean(axis=1)
    alone, together = float(np.var(slow, ddof=1)), size * float(np.var(shares, ddof=1))
    return min(1.0, alone / together) if together > 0 else 1.0


def latencies_by_due(run: Run) -> Floats:
    """The latencies of the measured answers in the order of their due times."""
    measured = (pl.col("phase") == "measure") & pl.col("latency_s").is_not_null()
    rows = run.attempts.filter(measured).sort("due_at").select("latency_s").collect()
    return rows["latency_s"].to_numpy()
