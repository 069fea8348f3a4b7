"""Right and wrong in pairs: whether more answers changed one way than chance explains."""

import math

from .shares import z_of
from .students_t import t_quantile

# A difference that is there is found so often.
POWER = 0.8
LEVEL = 0.95


def mcnemar_p(lost: int, gained: int) -> float:
    """How likely chance alone makes the changes as one-sided as these, two-sided and exact.

    Of the questions whose answer changed each direction is as likely as the other: twice the
    binomial tail of the rarer one (Q. McNemar, Psychometrika 12(2), 1947, in its exact form: A.
    Agresti, "Categorical Data Analysis", 3rd edition, Wiley 2013, section 11.1.2). 1 without any.
    """
    changed, rarer = lost + gained, min(lost, gained)
    if lost == gained:
        return 1.0
    # In logarithms: 2 ** -changed is 0 as a float beyond a thousand changes.
    logs = [_log_choose(changed, each) for each in range(rarer + 1)]
    most = max(logs)
    heaped = math.fsum(math.exp(each - most) for each in logs)
    return min(1.0, math.exp(math.log(2 * heaped) + most - changed * math.log(2)))


def fewest_changes(level: float = LEVEL) -> int:
    """How many answers have to change, all one way, before McNemar's test can tell: 6 at 95 %."""
    return math.ceil(1 - math.log2(1 - level))


def smallest_share_difference(lost: int, gained: int, questions: int) -> float:
    """The smallest difference of two shares in pairs that would be found in 4 of 5 nights.

    R. Connor's sample size for McNemar's test (Biometrics 43(1), 1987), solved for the difference,
    at the share of changed answers that was seen; never below what the exact test can tell at all.
    """
    least = min(1.0, fewest_changes() / questions)
    seen = (lost + gained) / questions
    z_level, z_power = z_of(LEVEL), z_of(2 * POWER - 1)

    def needed(difference: float) -> float:
        changed = max(seen, difference)
        reach = z_power * math.sqrt(changed - difference**2)
        return ((z_level * math.sqrt(changed) + reach) / difference) ** 2

    low, high = least, 1.0
    if needed(low) <= questions:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(middle) > questions else (low, middle)
    return high


def smallest_mean_difference(error: float, df: float) -> float:
    """The same of two means: so many standard errors of their difference as Student's t says at
    both ends, 2.80 of many questions (Miller 2024, section 5) and 3.16 of ten.

    Args:
        error: the standard error of the difference.
        df: its degrees of freedom.
    """
    return (t_quantile(0.5 + LEVEL / 2, df) + t_quantile(POWER, df)) * error


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
