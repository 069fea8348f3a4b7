"""Accounts that do what a list of prices doesn't say, while their prices are being told."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from .account import SecretAccount
from .trial import Told, trial

MILLIONTH = Decimal("0.000001")
SMALL = 1000  # tokens


class Booked:
    """What is charged in the place of a cost, `then` in the probes from `first` to `last`.

    Args:
        then: what is charged there.
        first: which share of the probes comes before.
        last: which share of them has come when it ends.
    """

    def __init__(
        self, then: Callable[[Decimal], Decimal], first: float = 0.0, last: float = 1.0
    ) -> None:
        self._then, self._first, self._last = then, first, last
        self._now = False

    def between(self, _account: SecretAccount, number: int, probes: int) -> None:
        begin = int(self._first * probes)
        self._now = begin <= number < max(begin + 1, int(self._last * probes))

    def __call__(self, cost: Decimal) -> Decimal:
        return self._then(cost) if self._now else cost


def rounded(way: str) -> Callable[[Decimal], Decimal]:
    return lambda cost: cost.quantize(MILLIONTH, way)


def adverse(name: str, seed: int, decimals: int) -> Told:
    """A trial under an adversity."""
    if name in SHOWN:
        return trial(seed, decimals, tokens=SMALL, rounding=SHOWN[name])
    booked = BOOKED[name]()
    return trial(
        seed,
        decimals,
        tokens=SMALL,
        judged=False,
        now=2 if name == "prices doubled halfway" else 1,
        booked=booked,
        between=booked.between,
    )


SHOWN = {"shown cut off": ROUND_FLOOR, "shown rounded up": ROUND_CEILING}
BOOKED: dict[str, Callable[[], Booked]] = {
    "charges rounded up": lambda: Booked(rounded(ROUND_CEILING)),
    "charges cut off": lambda: Booked(rounded(ROUND_FLOOR)),
    "charges rounded half even": lambda: Booked(rounded(ROUND_HALF_EVEN)),
    "a fee for each request": lambda: Booked(lambda cost: cost + Decimal("0.0001")),
    "a least charge": lambda: Booked(lambda cost: max(cost, Decimal("0.01"))),
    "key used elsewhere once": lambda: Booked(lambda cost: cost + Decimal("0.0123456"), 0.5, 0.5),
    "key used elsewhere first": lambda: Booked(lambda cost: cost + Decimal("0.0123456"), 0.0, 0.0),
    "prices doubled halfway": lambda: Booked(lambda cost: 2 * cost, 0.5),
}
NAMES = (*SHOWN, *BOOKED)
