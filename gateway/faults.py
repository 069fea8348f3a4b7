"""What can go wrong on purpose, and how often."""

from typing import Literal, NamedTuple, get_args

from .dice import Dice
from .errors import GatewayError

FaultKind = Literal["429", "500", "502", "503", "504", "529", "reset", "cut", "malformed"]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


class FaultRate(NamedTuple):
    """A fault and the share of admitted requests, from 0 to 1, that it strikes.

    `429` to `529` answer with that status; `reset` breaks the connection before any byte of the
    answer; `cut` breaks it in the middle of a stream or a body; `malformed` is a 200 whose JSON is
    broken. None of them is charged.
    """

    kind: FaultKind
    rate: float


def parse_faults(text: str) -> tuple[FaultRate, ...]:
    """Read `429=0.02,reset=0.01`. Raises GatewayError for what is no such list."""
    rates = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, share = item.partition("=")
        kind = next((kind for kind in KINDS if kind == name.strip()), None)
        if kind is None:
            raise GatewayError(f"no fault is called {name.strip()!r}; there are {', '.join(KINDS)}")
        try:
            rate = float(share)
        except ValueError:
            raise GatewayError(
                f"{item!r} is no fault: write {kind}=RATE, such as {kind}=0.02"
            ) from None
        if not 0 <= rate <= 1:
            raise GatewayError(f"the rate of {kind} is {share}; it must be between 0 and 1")
        rates.append(FaultRate(kind, rate))
    if sum(fault.rate for fault in rates) > 1 + 1e-9:
        raise GatewayError(f"the rates of {text!r} add up to more than 1")
    return tuple(rates)


def draw_fault(rates: tuple[FaultRate, ...], dice: Dice) -> FaultKind | None:
    """The fault that strikes, if any: one draw decides, so at most one does."""
    if not rates:
        return None
    point = dice.uniform()
    for kind, rate in rates:
        point -= rate
        if point < 0:
            return kind
    return None
