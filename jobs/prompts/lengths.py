"""Lengths in tokens: a constant, or a distribution that each request draws from."""

import random
import re
from bisect import bisect_right
from itertools import accumulate
from typing import Literal, NamedTuple

from ..errors import InputError
from ..files import open_source

# Longer than any model's context; it keeps a typing error from filling the memory.
LONGEST_TOKENS = 10_000_000
_BIN = re.compile(r"(\d+)(?:\s*-\s*(\d+))?(?:\s*[\s,;]\s*(\d+(?:\.\d+)?))?", re.ASCII)


class Bin(NamedTuple):
    """One bin of a histogram: lengths from `low` to `high`, both included, equally likely."""

    low: int
    high: int


class Lengths(NamedTuple):
    """How long prompts or answers are, in tokens, at least 1.

    Args:
        kind: which distribution.
        a: the constant; lower end of `uniform`, included; mean of `normal`.
        b: upper end of `uniform`, included; standard deviation of `normal`, which is drawn again
            while below 1; the longest of `histogram`.
        bins: of `histogram`.
        cumulative_weights: of `bins`, each with all before it.
    """

    kind: Literal["constant", "uniform", "normal", "histogram"]
    a: float
    b: float = 0.0
    bins: tuple[Bin, ...] = ()
    cumulative_weights: tuple[float, ...] = ()

    def draw(self, rng: random.Random) -> int:
        """One length. A constant draws nothing from `rng`."""
        if self.kind == "constant":
            return int(self.a)
        if self.kind == "uniform":
            return rng.randint(int(self.a), int(self.b))
        if self.kind == "normal":
            while (drawn := round(rng.gauss(self.a, self.b))) < 1:
                pass  # the mean is 1 or more, so about every second draw is accepted
            return drawn
        place = bisect_right(self.cumulative_weights, rng.random() * self.cumulative_weights[-1])
        found = self.bins[min(place, len(self.bins) - 1)]  # the product may round up to the sum
        return rng.randint(found.low, found.high)

    @property
    def longest(self) -> int:
        """The longest length; of `normal`, which fewer than one in 30,000 exceeds."""
        if self.kind == "normal":
            return round(self.a + 4 * self.b)
        return int(max(self.a, self.b))


def parse_lengths(name: str, text: str) -> Lengths:
    """Parse `512`, `uniform:100:900`, `normal:512:64` or `histogram:FILE`.

    Args:
        name: of the flag, for messages.
        text: its value. A histogram's file has a line for each length or range of lengths and its
            weight, which is 1 where it is left out: `128`, `128,10` or `100-200,5`.

    Returns:
        The distribution, in tokens.

    Raises:
        InputError: naming `name`.
    """
    kind, _, rest = text.strip().partition(":")
    if kind == "histogram" and rest:
        return _histogram(name, rest)
    numbers = [_number(each) for each in (rest.split(":") if rest else [kind])]
    match kind, numbers:
        case "uniform", [int(low), int(high)] if 1 <= low <= high <= LONGEST_TOKENS:
            return Lengths("uniform", low, high)
        case "normal", [int(mean), int(spread)] if 1 <= mean <= LONGEST_TOKENS >= spread:
            return Lengths("normal", mean, spread)
        case _, [int(tokens)] if not rest and 1 <= tokens <= LONGEST_TOKENS:
            return Lengths("constant", tokens)
    raise InputError(
        f"{name} is {text!r}; write a number of tokens such as 512, uniform:100:900, "
        "normal:512:64 (mean, standard deviation) or histogram:FILE"
    )


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _histogram(name: str, path: str) -> Lengths:
    bins: list[Bin] = []
    weights: list[float] = []
    with open_source(path, what="the histogram") as source:
        for number, line in source.lines():
            text = line.decode("utf-8", "replace").partition("#")[0].strip()
            if not text:
                continue
            found = _BIN.fullmatch(text)
            low = int(found[1]) if found else 0
            high = int(found[2] or low) if found else 0
            if found is None or not 1 <= low <= high <= LONGEST_TOKENS:
                raise InputError(
                    f"{name}: line {number} of {path} is {text[:60]!r}; write a length and its "
                    "weight, such as 128,10 or 100-200,5"
                )
            if (weight := float(found[3] or 1)) > 0:
                bins.append(Bin(low, high))
                weights.append(weight)
    if not bins:
        raise InputError(f"{name}: {path} has no lengths; write lines such as 128,10")
    longest = max(high for _, high in bins)
    return Lengths("histogram", 0, longest, tuple(bins), tuple(accumulate(weights)))
