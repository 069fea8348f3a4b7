"""How far chance may have moved a figure: intervals at any level, differences, exact tests."""

from .clustered import Clustered, clustered
from .difference import correlation, difference_ends
from .estimate import Estimate, mean_estimate, quantile_estimate
from .holm import holm, holm_rejects
from .least import least
from .mcnemar import mcnemar_p, smallest_mean_difference, smallest_share_difference
from .shares import Ends, wilson, z_of
from .students_t import t_quantile, t_tail
from .welch import Side, Welch, mean_of_few, welch

__all__ = [
    "Clustered",
    "Ends",
    "Estimate",
    "Side",
    "Welch",
    "clustered",
    "correlation",
    "difference_ends",
    "holm",
    "holm_rejects",
    "least",
    "mcnemar_p",
    "mean_estimate",
    "mean_of_few",
    "quantile_estimate",
    "smallest_mean_difference",
    "smallest_share_difference",
    "t_quantile",
    "t_tail",
    "welch",
    "wilson",
    "z_of",
]
