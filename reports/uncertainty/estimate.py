"""A figure of a run as an estimate: its value, and where the truth lies at any level of confidence.

- All values 0 or 1, each a cluster of its own: Wilson's interval.
- All values from 0 to 1 otherwise (scores, samples): Wilson's with the number of independent values
  that the clusters are worth, that number lowered for the t distribution (E. Korn, B. Graubard,
  Survey Methodology 24, 1998; C. Franco et al., Journal of Survey Statistics and Methodology 7,
  2019). Nearly as wide as the t interval of cluster means, and it holds at the edges, where that
  does not: where all answers are right, the spread of the means is nothing.
- Other means: Student's t of cluster means (of their ratio, where clusters differ in size), widened
  to P. Hall's interval for skewed values (Journal of the Royal Statistical Society B 54, 1992).
- Percentiles: order statistics (`reports.load.intervals`), or of clusters R. Woodruff's interval.

`growth` asks for the interval of that many times as many clusters of the same kind.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..load import order_ranks
from .clustered import Clustered, Floats
from .shares import EVERYWHERE, Ends, wilson
from .students_t import t_quantile

# Below so many clusters no interval is given; of values without bounds, whose skewness has to be
# learnt from them, below so many.
CLUSTERS_MIN = 5
UNBOUNDED_MIN = 8

# An interval for a level of confidence and a growth.
EndsAt = Callable[[float, float], Ends]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One figure. `residuals` say how far each cluster's values pull it from its value: two figures
    over the same clusters vary together as these do. `binary`: of values that are 0 or 1, alone.
    """

    value: float
    clusters: int
    clustered: Clustered
    residuals: Floats
    binary: bool
    ends: EndsAt


def mean_estimate(found: Clustered) -> Estimate:
    """The mean of all values; of 0 and 1 a share. There has to be at least one."""
    values, count = found.values, len(found.values)
    value = math.fsum(values) / count
    residuals = found.sums(values - value)
    bounded = bool(((values >= 0) & (values <= 1)).all())
    binary = bounded and found.alone and bool(((values == 0) | (values == 1)).all())
    if len(found.keys) < (CLUSTERS_MIN if bounded else UNBOUNDED_MIN):
        ends: EndsAt = _nowhere
    elif binary:
        ends = _share_ends(value, count)
    elif bounded:
        ends = _score_ends(value, residuals, count)
    else:
        ends = _mean_ends(value, residuals, count)
    return Estimate(
        value=value,
        clusters=len(found.keys),
        clustered=found,
        residuals=residuals,
        binary=binary,
        ends=ends,
    )


def quantile_estimate(found: Clustered, share: float) -> Estimate:
    """A percentile (`share` from 0 to 1, both left out) of at least one value."""
    values = np.sort(found.values)
    value = float(np.quantile(found.values, share))
    residuals = found.sums((found.values <= value).astype(np.float64) - share)
    if len(found.keys) < CLUSTERS_MIN:
        ends: EndsAt = _nowhere
    elif found.alone:
        ends = _order_ends(values, share)
    else:
        ends = _woodruff_ends(values, share, residuals)
    return Estimate(
        value=value,
        clusters=len(found.keys),
        clustered=found,
        residuals=residuals,
        binary=False,
        ends=ends,
    )


def ratio_error(residuals: Floats, count: int) -> float:
    """The standard error of a mean over clusters, from their residuals (Cochran, section 9A.1)."""
    clusters = len(residuals)
    return math.sqrt(clusters / (clusters - 1) * float(np.sum(residuals**2))) / count


def _nowhere(_level: float, _growth: float) -> Ends:
    return EVERYWHERE


def _share_ends(value: float, count: int) -> EndsAt:
    return lambda level, growth: wilson(value, count * growth, level)


def _score_ends(value: float, residuals: Floats, count: int) -> EndsAt:
    clusters, error = len(residuals), ratio_error(residuals, count)
    spread = value * (1 - value)
    # Clusters that all agree are worth one value each, and no more than that is known of them.
    worth = spread / error**2 if error > 0 and spread > 0 else float(clusters)

    def ends(level: float, growth: float) -> Ends:
        df = clusters * growth - 1
        t, z = t_quantile(0.5 + level / 2, df), t_quantile(0.5 + level / 2, math.inf)
        return wilson(value, worth * growth * (z / t) ** 2, level)

    return ends


def _mean_ends(value: float, residuals: Floats, count: int) -> EndsAt:
    clusters, error = len(residuals), ratio_error(residuals, count)
    spread = float(np.mean(residuals**2))
    skewness = float(np.mean(residuals**3)) / spread**1.5 if spread > 0 else 0.0

    def ends(level: float, growth: float) -> Ends:
        t = t_quantile(0.5 + level / 2, clusters * growth - 1)
        scaled = error / math.sqrt(growth)
        skew = skewness / math.sqrt(clusters * growth)
        below = max(t, _unskewed(t, skew))
        above = max(t, -_unskewed(-t, skew))
        return Ends(value - scaled * below, value + scaled * above)

    return ends


def _unskewed(y: float, skew: float) -> float:
    """The studentised mean that Hall's transformation takes to `y`; `skew` is that of a mean."""
    if abs(skew) < 1e-6:
        return y
    return 3 / skew * (math.cbrt(1 + skew * (y - skew / 6)) - 1)


def _order_ends(values: Floats, share: float) -> EndsAt:
    """Of more values than there are, the ranks are found as shares of these."""

    def ends(level: float, growth: float) -> Ends:
        count = round(len(values) * growth)
        low, high = order_ranks(count, share, tail=(1 - level) / 2)

        def at(rank: int) -> float:
            return float(values[round(rank / max(count - 1, 1) * (len(values) - 1))])

        return Ends(-math.inf if low is None else at(low), math.inf if high is None else at(high))

    return ends


def _woodruff_ends(values: Floats, share: float, residuals: Floats) -> EndsAt:
    count, clusters = len(values), len(residuals)
    error = ratio_error(residuals, count)

    def ends(level: float, growth: float) -> Ends:
        t = t_quantile(0.5 + level / 2, clusters * growth - 1)
        reach = t * error / math.sqrt(growth)
        low, high = (
            math.floor((share - reach) * (count - 1)),
            math.ceil((share + reach) * (count - 1)),
        )
        return Ends(
            float(values[low]) if low >= 0 else -math.inf,
            float(values[high]) if high < count else math.inf,
        )

    return ends
