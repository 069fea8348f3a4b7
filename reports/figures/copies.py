"""Jobs that were not sent, since another one asked the same, and what that saved."""

from decimal import Decimal

import polars as pl

from ..run import Run


def count_copies(run: Run) -> tuple[int, Decimal | None]:
    """How many there are, and what they would have cost as their originals did.

    The second is None without copies, and where an original's cost is not known.
    """
    copies = run.results.filter(pl.col("copy_of").is_not_null()).group_by("copy_of").len().collect()
    if not len(copies):
        return 0, None
    of = pl.col("custom_id").is_in(copies["copy_of"].implode())
    costs = run.results.filter(of).select("custom_id", "cost").collect()
    each = copies.join(costs, left_on="copy_of", right_on="custom_id", how="left")
    saved: Decimal | None = None
    if each["cost"].null_count() == 0:
        saved = sum((cost * count for _, count, cost in each.iter_rows()), Decimal(0))
    return int(copies["len"].sum()), saved
