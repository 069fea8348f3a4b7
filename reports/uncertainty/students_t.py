"""Student's t distribution, without scipy.

Its tail is half a regularised incomplete beta function (M. Abramowitz, I. Stegun, "Handbook of
Mathematical Functions", 1964, 26.7.1 and 26.5.27), which is worked out by its continued fraction
(26.5.8), evaluated by W. Lentz's method (Applied Optics 15(3), 1976).
"""

import math
from functools import lru_cache
from statistics import NormalDist

TINY = 1e-300
TERMS_MAX = 1_000
# Beyond so many degrees of freedom the normal distribution is as near as a float can tell.
NORMAL_FROM = 1e7


def t_tail(t: float, df: float) -> float:
    """How likely a t of `df` degrees of freedom is above `t`; `t` may be of either sign."""
    if t == 0:
        return 0.5
    half = incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2
    return half if t > 0 else 1 - half


@lru_cache(maxsize=4096)
def t_quantile(share: float, df: float) -> float:
    """The t below which `share` of the distribution lies; `share` is above 0.5 and below 1."""
    normal = NormalDist().inv_cdf(share)
    if df > NORMAL_FROM:
        return normal
    low, high = 0.0, max(1.0, normal)
    while t_tail(high, df) > 1 - share:
        low, high = high, 2 * high
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_tail(middle, df) > 1 - share else (low, middle)
    return (low + high) / 2


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function of x in [0, 1]."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    # The fraction converges fast on one side; the other is its mirror image.
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logs + a * math.log(x) + b * math.log1p(-x)) / a
    return front * _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    found, c, d = 1.0, 1.0, 0.0
    for n in range(TERMS_MAX):
        m = n // 2
        if n == 0:
            term = 1.0
        elif n % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _not_zero(1 + term * d)
        c = _not_zero(1 + term / c)
        found *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    # The first term stands for the fraction itself: 1 / (1 + ...).
    return found - 1


def _not_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
