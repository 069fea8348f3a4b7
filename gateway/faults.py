"""What can go wrong on purpose: by rate, at the nth request, or asked for by the request itself."""

import re
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from .draws import SeededDraws
from .errors import GatewayError
from .latency import parse_duration

FaultKind = Literal[
    # Answered with that status and the reference's error body.
    "400",
    "401",
    "403",
    "404",
    "429",
    "500",
    "502",
    "503",
    "504",
    "529",
    # 429 with Retry-After as an HTTP date, without the header, and with one of 10 years.
    "429-date",
    "429-bare",
    "429-absurd",
    # A proxy's HTML page with 502.
    "html",
    # The connection is reset, and nobody is let in for a while.
    "refuse",
    # The connection is reset before, inside and after the headers.
    "reset",
    "reset-in-head",
    "reset-after-head",
    # The connection ends before the first token, in the middle, in the middle of an event, before
    # the usage, before `[DONE]` (or `message_stop`). A body that is no stream ends half way.
    "cut-first",
    "cut",
    "cut-event",
    "cut-usage",
    "cut-done",
    # Silence half way, then the rest.
    "stall",
    # Every byte on its own.
    "trickle",
    # A 200 whose JSON is broken, that calls itself HTML, or that leaves out the usage.
    "malformed",
    "content-type",
    "no-usage",
]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
# The answer of these is produced to its end, so it is billed; the others are free.
BILLED: frozenset[FaultKind] = frozenset(
    ("cut-usage", "cut-done", "stall", "trickle", "content-type", "no-usage")
)
# The most seconds that a Retry-After says: 31 years, more than anybody waits.
LONGEST_WAIT_S = 999_999_999
_FOR_S: dict[FaultKind, float] = {"refuse": 5.0, "stall": 60.0, "trickle": 10.0}


class Fault(msgspec.Struct, frozen=True):
    """A fault, and when it strikes: a share of the admitted requests, and the nth of them (from 1).

    `billed` None is the kind's own way. `for_s` is how long a refusal, a stall or a trickle lasts
    (5, 60 and 10 s unless set), `retry_after` what a 429 says instead of `1`.
    """

    kind: FaultKind
    rate: float = 0.0
    nth: tuple[int, ...] = ()
    billed: bool | None = None
    for_s: float | None = None
    retry_after: str | None = None

    @property
    def is_billed(self) -> bool:
        """Whether the request is charged all the same."""
        return self.kind in BILLED if self.billed is None else self.billed

    @property
    def lasts_s(self) -> float:
        """How long it lasts, in seconds; 0 for what takes no time."""
        return _FOR_S.get(self.kind, 0.0) if self.for_s is None else self.for_s

    @property
    def status(self) -> int | None:
        """The status that it answers with; None when it strikes the answer itself."""
        digits = self.kind[:3]
        return int(digits) if digits.isdigit() else None


def check_faults(faults: Sequence[Fault]) -> None:
    """Raises GatewayError for what can't strike or be said, and for rates of more than 1 in all."""
    for fault in faults:
        if not 0 <= fault.rate <= 1:
            raise GatewayError(
                f"the rate of {fault.kind} is {fault.rate}; it must be between 0 and 1"
            )
        if any(number < 1 for number in fault.nth):
            raise GatewayError(f"{fault.kind}@{min(fault.nth)}: requests are counted from 1")
        _check_retry_after(fault.retry_after)
    if sum(fault.rate for fault in faults) > 1 + 1e-9:
        raise GatewayError("the rates of the faults add up to more than 1")


def _check_retry_after(text: str | None) -> None:
    """Raises GatewayError for what no header, and no date, can hold."""
    if text is None:
        return
    if not (text.isascii() and text.isprintable()):
        raise GatewayError(f"retry-after is {text!r}; write what a header can say")
    if text.isdigit() and len(text.lstrip("0")) > len(str(LONGEST_WAIT_S)):
        raise GatewayError(f"retry-after is {len(text)} digits; write at most {LONGEST_WAIT_S}")


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Read `429=0.02,500+billed=0.01,stall;for=9s@3`: shares, or `@n` for the nth admitted request.

    Before the last `=` or `@` stands what `parse_fault` reads. Raises GatewayError for what is no
    such list.
    """
    faults = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"(.+)(?:=([^=@]*)|@([^=@]*))", item, re.DOTALL)
        fault = parse_fault(found[1] if found else item)
        share, nth = (found[2], found[3]) if found else (None, None)
        try:
            if nth is not None:
                fault = msgspec.structs.replace(fault, nth=(int(nth),))
            else:
                fault = msgspec.structs.replace(fault, rate=float(share or ""))
        except ValueError:
            raise GatewayError(
                f"{item!r} is no fault: write {fault.kind}=RATE or {fault.kind}@N, "
                f"such as {fault.kind}=0.02"
            ) from None
        faults.append(fault)
    check_faults(faults)
    return tuple(faults)


def parse_fault(text: str) -> Fault:
    """Read `500`, `500+billed`, `stall; for=2s` or `429; retry-after=7`. Raises GatewayError."""
    name, *options = (part.strip() for part in text.split(";"))
    name, _, charge = name.partition("+")
    kind = next((kind for kind in KINDS if kind == name), None)
    if kind is None:
        raise GatewayError(f"no fault is called {name!r}; there are {', '.join(KINDS)}")
    if charge not in ("", "billed", "free"):
        raise GatewayError(f"{text!r}: after + comes billed or free")
    for_s = retry_after = None
    for option in options:
        field, _, value = option.partition("=")
        if field == "for":
            for_s = parse_duration("for", value)
        elif field == "retry-after":
            _check_retry_after(value)
            retry_after = value
        else:
            raise GatewayError(f"{text!r}: the options are for=TIME and retry-after=TEXT")
    return Fault(
        kind,
        billed=None if not charge else charge == "billed",
        for_s=for_s,
        retry_after=retry_after,
    )


def draw_fault(faults: Sequence[Fault], draws: SeededDraws, number: int) -> Fault | None:
    """The fault that strikes admitted request `number`, if any; one draw decides on rates."""
    for fault in faults:
        if number in fault.nth:
            return fault
    point = draws.uniform()
    for fault in faults:
        point -= fault.rate
        if point < 0:
            return fault
    return None
