"""How long answers take: constants, or distributions drawn with the request's own seed."""

import math
import re
from bisect import bisect_right
from decimal import Decimal
from typing import Literal, NamedTuple

from .draws import SeededDraws
from .errors import GatewayError

# The longest duration; beyond it, sums of times would lose their milliseconds.
LONGEST_H = 8760
_UNITS_S = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}


class TimeDistribution(NamedTuple):
    """A random time, in seconds.

    Args:
        kind: which distribution.
        a_s: lower end of `uniform`, mean of `exponential`, median of `lognormal`.
        b: upper end of `uniform`, in seconds; sigma of the logarithm of `lognormal`.
    """

    kind: Literal["uniform", "exponential", "lognormal"]
    a_s: float
    b: float = 0.0

    def draw(self, draws: SeededDraws) -> float:
        """One time, in seconds, 0 or more."""
        point = draws.uniform()
        if self.kind == "uniform":
            return self.a_s + (self.b - self.a_s) * point
        if self.kind == "exponential":
            return -self.a_s * math.log1p(-point)
        # The Box-Muller transform: from two uniform numbers to a normal one.
        radius = math.sqrt(-2 * math.log1p(-point))
        return self.a_s * math.exp(self.b * radius * math.cos(2 * math.pi * draws.uniform()))


Time = float | TimeDistribution


class Latency(NamedTuple):
    """How fast answers are.

    Args:
        ttft_s: time to the first token, in seconds or as a distribution.
        itl_s: time between tokens, in the same way.
    """

    ttft_s: Time = 0.0
    itl_s: Time = 0.0

    @property
    def random(self) -> bool:
        """Whether `pace` needs random draws."""
        return isinstance(self.ttft_s, TimeDistribution) or isinstance(self.itl_s, TimeDistribution)

    def pace(self, tokens: int, draws: SeededDraws | None) -> "Pace":
        """When each of `tokens` is due. Without `draws`, no time may be a distribution."""
        ttft_s, itl_s = self.ttft_s, self.itl_s
        if draws is not None and isinstance(ttft_s, TimeDistribution):
            ttft_s = ttft_s.draw(draws)
        if draws is None or not isinstance(itl_s, TimeDistribution):
            assert isinstance(ttft_s, float | int)
            assert isinstance(itl_s, float | int)
            return Pace(ttft_s, itl_s, None)
        assert isinstance(ttft_s, float | int)
        offsets, at = [ttft_s], ttft_s
        for _ in range(tokens - 1):
            at += itl_s.draw(draws)
            offsets.append(at)
        return Pace(ttft_s, 0.0, offsets)


class Pace(NamedTuple):
    """When each token of one answer is due, in seconds from its start."""

    ttft_s: float
    itl_s: float
    offsets_s: list[float] | None

    def ready(self, elapsed_s: float, total: int) -> int:
        """How many of `total` tokens are due by then; one too few after a rounding error."""
        if self.offsets_s is not None:
            return bisect_right(self.offsets_s, elapsed_s)
        if elapsed_s < self.ttft_s:
            return 0
        if self.itl_s == 0:
            return total
        return min(total, int((elapsed_s - self.ttft_s) / self.itl_s) + 1)

    def due_s(self, index: int) -> float:
        """When token `index` is due, from 0."""
        if self.offsets_s is not None:
            return self.offsets_s[index] if self.offsets_s else self.ttft_s
        return self.ttft_s + index * self.itl_s


def parse_duration(name: str, text: str) -> float:
    """Seconds in `300ms`, `1.5s`, `2m` or `1h`, a year at most. Raises GatewayError with `name`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text.strip(), re.ASCII)
    if found is None:
        raise GatewayError(f"{name} is {text!r}; write a time such as 300ms or 1.5s")
    seconds = Decimal(found[1]) * _UNITS_S[found[2]]
    if seconds > LONGEST_H * 3600:
        raise GatewayError(f"{name} is longer than a year; write a time such as 300ms or 1.5s")
    return float(seconds)


def parse_time(name: str, text: str) -> Time:
    """A duration, or `uniform:A:B`, `exponential:MEAN`, `lognormal:MEDIAN:SIGMA`.

    Raises GatewayError, naming `name`.
    """
    kind, *rest = text.strip().split(":")
    if not rest:
        return parse_duration(name, text)
    if kind == "uniform" and len(rest) == 2:
        low_s, high_s = (parse_duration(name, each) for each in rest)
        if low_s <= high_s:
            return TimeDistribution("uniform", low_s, high_s)
    elif kind == "exponential" and len(rest) == 1:
        return TimeDistribution("exponential", parse_duration(name, rest[0]))
    elif kind == "lognormal" and len(rest) == 2:
        sigma = re.fullmatch(r"\d+(?:\.\d+)?", rest[1], re.ASCII)
        if sigma is not None and float(rest[1]) <= 5:
            return TimeDistribution("lognormal", parse_duration(name, rest[0]), float(rest[1]))
    raise GatewayError(
        f"{name} is {text!r}; write a time, uniform:100ms:500ms, exponential:300ms or "
        "lognormal:300ms:0.5 (median, sigma up to 5)"
    )
