"""Where a true percentile lies, with 95 % confidence, whatever the distribution.

Independent values: by order statistics. How many of n values lie below the true percentile is
binomial, so two of the sorted values enclose it with a probability that is known exactly (W.
Meeker, G. Hahn, L. Escobar, "Statistical Intervals", 2nd edition, Wiley 2017, section 5.2).

Values in groups that go together, as the gaps of one stream do: R. Woodruff, "Confidence intervals
for medians and other position measures", Journal of the American Statistical Association 47(260),
1952. The share of values up to the percentile is a ratio over groups, whose variance is that of
cluster sampling (W. Cochran, "Sampling Techniques", 3rd edition, Wiley 1977, section 9A.1); the
interval of the share gives that of the percentile.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TAIL = 0.025
# The normal distribution's 97.5 % point.
TWO_SIDED = 1.959963984540054
# Beyond so many standard deviations a binomial has nothing left that counts.
FAR = 12


class Ranks(NamedTuple):
    """Places in the sorted values, from 0; None where there are too few values to tell."""

    low: int | None
    high: int | None


def order_ranks(count: int, share: float, *, tail: float = TAIL) -> Ranks:
    """Which of `count` sorted values enclose the percentile at `share`, each end missed at most
    with `tail`."""
    below = _binomial(count, share)
    # The value of rank r (from 1) is above the percentile when fewer than r values are below it.
    low = int(np.searchsorted(below.heaped, tail, side="right")) + below.first
    high = int(np.searchsorted(below.heaped, 1 - tail, side="left")) + below.first + 1
    return Ranks(low - 1 if low >= 1 else None, high - 1 if high <= count else None)


class _Binomial(NamedTuple):
    """The probability of at most `first + i` successes, for each i."""

    first: int
    heaped: Floats


def _binomial(count: int, share: float) -> _Binomial:
    spread = math.sqrt(count * share * (1 - share))
    mode = min(int((count + 1) * share), count)
    first = max(0, mode - int(FAR * spread) - FAR)
    last = min(count, mode + int(FAR * spread) + FAR)
    # From one term to the next by a ratio, out from the largest: no term is ever too large.
    k = np.arange(first, last, dtype=np.float64)
    ratios = (count - k) / (k + 1) * (share / (1 - share))
    logs = np.concatenate(([0.0], np.cumsum(np.log(ratios))))
    terms = np.exp(logs - logs.max())
    return _Binomial(first, np.cumsum(terms) / terms.sum())


def grouped_ranks(values: Floats, lengths: Ints, *, share: float, at: float) -> Ranks:
    """Which of the sorted values enclose the percentile at `share`, whose estimate is `at`.

    `values` stand group by group, `lengths` (none of them 0) of each.
    """
    groups, count = len(lengths), len(values)
    if groups < 2:
        return Ranks(None, None)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    below = np.add.reduceat((values <= at).astype(np.int64), starts)
    found = below.sum() / count
    residuals = below - found * lengths
    error = math.sqrt(groups / (groups - 1) * float(np.sum(residuals**2))) / count
    low = math.floor((share - TWO_SIDED * error) * (count - 1))
    high = math.ceil((share + TWO_SIDED * error) * (count - 1))
    return Ranks(low if low >= 0 else None, high if high < count else None)
