"""What goes wrong on purpose: by rate, at the nth request, or as the request itself asks."""

import re
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from .draws import SeededDraws
from .errors import GatewayError
from .latency import parse_duration
from .variants import VARIANTS

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
    # The connection is reset, and none is accepted for a while.
    "refuse",
    # The connection is reset before, inside and after the headers.
    "reset",
    "reset-in-head",
    "reset-after-head",
    # The connection ends before the first token, in the middle, in the middle of an event, before
    # the usage, before `[DONE]` (or `message_stop`). A body that is not a stream ends half way.
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
# These answers are produced to the end, so they are billed; the others are free.
BILLED: frozenset[FaultKind] = frozenset(
    ("cut-usage", "cut-done", "stall", "trickle", "content-type", "no-usage")
)
# The longest Retry-After, in seconds: 31 years, more than anybody waits.
LONGEST_WAIT_S = 999_999_999
_FOR_S: dict[FaultKind, float] = {"refuse": 5.0, "stall": 60.0, "trickle": 10.0}


# Variants of real services' answers, by the name that comes after the colon, or drawn.
ProviderKind = Literal["provider"]


class Fault(msgspec.Struct, frozen=True):
    """A fault, and which of the admitted requests it strikes.

    Args:
        kind: what goes wrong; `provider` for an answer in a real service's variant.
        rate: share of the admitted requests, from 0 to 1.
        nth: positions among the admitted requests, counted from 1.
        billed: whether the request is charged; None for the kind's default.
        for_s: how long a `refuse`, `stall` or `trickle` lasts; None for 5, 60 and 10 s.
        retry_after: Retry-After of a 429; None for `1`.
        variant: which variant a `provider` fault has; None draws one that fits the request.
    """

    kind: FaultKind | ProviderKind
    rate: float = 0.0
    nth: tuple[int, ...] = ()
    billed: bool | None = None
    for_s: float | None = None
    retry_after: str | None = None
    variant: str | None = None

    @property
    def name(self) -> str:
        """What it is called, in the log, too: its kind, and the variant of a `provider`."""
        return self.kind if self.variant is None else f"{self.kind}:{self.variant}"

    @property
    def is_billed(self) -> bool:
        """Whether the request is charged in spite of the fault."""
        if self.billed is not None:
            return self.billed
        return self.kind in BILLED if self.variant is None else VARIANTS[self.variant].billed

    @property
    def lasts_s(self) -> float:
        """How long it lasts, in seconds; 0 where it takes no time."""
        if self.for_s is not None or self.kind == "provider":
            return self.for_s or 0.0
        return _FOR_S.get(self.kind, 0.0)

    @property
    def status(self) -> int | None:
        """The status that it answers with; None where it changes an answer of status 200."""
        digits = self.kind[:3]
        return int(digits) if digits.isdigit() else None


def check_faults(faults: Sequence[Fault]) -> None:
    """Raises GatewayError for a fault that cannot occur, and for rates of more than 1 in total."""
    for fault in faults:
        if not 0 <= fault.rate <= 1:
            raise GatewayError(
                f"the rate of {fault.kind} is {fault.rate}; it must be between 0 and 1"
            )
        if any(number < 1 for number in fault.nth):
            raise GatewayError(f"{fault.kind}@{min(fault.nth)}: requests are counted from 1")
        _check_retry_after(fault.retry_after)
        _check_variant(fault)
    if sum(fault.rate for fault in faults) > 1 + 1e-9:
        raise GatewayError("the rates of the faults add up to more than 1")


def _check_variant(fault: Fault) -> None:
    if fault.variant is None:
        return
    if fault.kind != "provider":
        raise GatewayError(f"{fault.kind} has no variants; only provider has")
    if fault.variant not in VARIANTS:
        raise GatewayError(
            f"no variant is called {fault.variant!r}; the variants are {', '.join(VARIANTS)}"
        )


def _check_retry_after(text: str | None) -> None:
    """Raises GatewayError for a text that no header, or no date, can hold."""
    if text is None:
        return
    if not (text.isascii() and text.isprintable()):
        raise GatewayError(f"retry-after is {text!r}; write printable ASCII")
    if text.isdigit() and len(text.lstrip("0")) > len(str(LONGEST_WAIT_S)):
        raise GatewayError(f"retry-after is {len(text)} digits; write at most {LONGEST_WAIT_S}")


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Parse `429=0.02,500+billed=0.01,stall;for=9s@3`.

    Args:
        text: a comma-separated list. What comes before the last `=` or `@` is for `parse_fault`;
            `=RATE` is a share of the admitted requests, and `@N` the nth of them.

    Raises:
        GatewayError: for anything that is not such a list.
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
                f"{item!r} is not a fault: write {fault.kind}=RATE or {fault.kind}@N, "
                f"such as {fault.kind}=0.02"
            ) from None
        faults.append(fault)
    check_faults(faults)
    return tuple(faults)


def parse_fault(text: str) -> Fault:
    """Parse `500`, `500+billed`, `stall; for=2s`, `429; retry-after=7` or `provider:bom`.

    Raises GatewayError.
    """
    name, *options = (part.strip() for part in text.split(";"))
    name, _, charge = name.partition("+")
    name, colon, variant = name.partition(":")
    kind: FaultKind | ProviderKind | None = next((kind for kind in KINDS if kind == name), None)
    if name == "provider":
        kind = "provider"
    if kind is None:
        kinds = ", ".join((*KINDS, "provider"))
        raise GatewayError(f"no fault is called {name!r}; the kinds are {kinds}")
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
    fault = Fault(
        kind,
        billed=None if not charge else charge == "billed",
        for_s=for_s,
        retry_after=retry_after,
        variant=variant if colon else None,
    )
    _check_variant(fault)
    return fault


def draw_fault(faults: Sequence[Fault], draws: SeededDraws, number: int) -> Fault | None:
    """The fault that strikes admitted request `number`, if any; one draw decides for all rates."""
    for fault in faults:
        if number in fault.nth:
            return fault
    point = draws.uniform()
    for fault in faults:
        point -= fault.rate
        if point < 0:
            return fault
    return None
