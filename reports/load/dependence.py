"""How far the answers of a load run depend on one another: users of one queue wait together."""

import numpy as np
import polars as pl

from ..run import Run
from .intervals import Floats

BATCHES = 20
BATCH_FROM = 5
# Which answers count as slow: those that objectives are about.
SLOWEST = 0.1


def independent_share(latencies: Floats) -> float:
    """What an answer is worth, from 0 to 1, beside one that is independent of the others.

    By batch means (B. Schmeiser, Operations Research 30(3), 1982), of which answers are among the
    slowest tenth: over stretches of answers in a row their share varies as over so many that are
    independent, or more.

    Args:
        latencies: in the order in which the requests were due.
    """
    batches, count = BATCHES, len(latencies)
    if count < batches * BATCH_FROM:
        return 1.0
    size = count // batches
    slow = (latencies > np.quantile(latencies, 1 - SLOWEST)).astype(float)
    shares = slow[: batches * size].reshape(batches, size).mean(axis=1)
    alone, together = float(np.var(slow, ddof=1)), size * float(np.var(shares, ddof=1))
    return min(1.0, alone / together) if together > 0 else 1.0


def latencies_by_due(run: Run) -> Floats:
    """The latencies of the measured answers in the order of their due times."""
    measured = (pl.col("phase") == "measure") & pl.col("latency_s").is_not_null()
    rows = run.attempts.filter(measured).sort("due_at").select("latency_s").collect()
    return rows["latency_s"].to_numpy()
