"""Values in clusters: the samples of one question, the attempts of one job, the gaps of one stream.

What belongs together goes together, so it is the clusters that are counted (E. Miller, "Adding
Error Bars to Evals", arXiv 2411.00640, 2024; W. Cochran, "Sampling Techniques", 3rd edition, Wiley
1977, section 9A.1). A value alone is a cluster of one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Clustered(NamedTuple):
    """Values, the cluster of each (from 0 to `keys` - 1), and what the clusters are called."""

    values: Floats
    codes: Ints
    keys: pl.Series

    @property
    def alone(self) -> bool:
        """Whether each value is a cluster of its own."""
        return len(self.values) == len(self.keys)

    def sums(self, values: Floats) -> Floats:
        """What values (one for each of these) add up to in each cluster."""
        found = np.bincount(self.codes, weights=values, minlength=len(self.keys))
        return found.astype(np.float64)


def clustered(values: pl.Series, keys: pl.Series) -> Clustered:
    """Values by the cluster that each belongs to.

    Args:
        values: numbers, none of them null.
        keys: one for each value; equal ones are of one cluster.
    """
    rows = pl.DataFrame({"value": values.cast(pl.Float64), "key": keys})
    if rows["key"].n_unique() == len(rows):
        codes = np.arange(len(rows), dtype=np.int64)
        return Clustered(rows["value"].to_numpy(), codes, rows["key"])
    names = rows.select(pl.col("key").unique(maintain_order=True)).with_row_index("code")
    coded = rows.join(names, on="key", how="left", maintain_order="left")
    codes = coded["code"].cast(pl.Int64).to_numpy()
    return Clustered(coded["value"].to_numpy(), codes, names["key"])
