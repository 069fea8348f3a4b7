"""Whether a load run's figures can be trusted, or the client was itself the bottleneck.

One rule for the run that is under way and for its report. CPU, files and ports are shown, and judge
nothing.
"""

from typing import Literal, NamedTuple

import msgspec

from ..wording import show_seconds
from .load_facts import STALL_S

# An open-loop request may leave so late at p99, or by this share of the median latency.
WAIT_FLOOR_S = 0.002
WAIT_SHARE = 0.01
# Bytes may wait to be read for one median gap at p99; a stream that comes all at once has gaps of
# nothing, and no lag below this harms a figure.
LAG_FLOOR_S = 0.001
NO_ANSWER = "no answer in the window: there is nothing to judge"


class LoadSigns(msgspec.Struct, frozen=True, kw_only=True):
    """What the verdict looks at, of the measured phase. None is not known, or not there.

    Of the `measured` requests `answered` were, whole.
    `wait_p99_s` is due to sent; `lag_p99_s` the longest that an answer's bytes waited to be read;
    `median_gap_s` lies between tokens. `stalls` are stretches above 100 ms in which the client's
    loop ran nothing. `loop_lag_p99_s` stands in for a lag that is not recorded. `client_error_s` is
    what the client may be late by, where the user said so in place of this module.
    """

    open_loop: bool
    measured: int
    answered: int
    wait_p99_s: float | None = None
    median_latency_s: float | None = None
    lag_p99_s: float | None = None
    median_gap_s: float | None = None
    stalls: int | None = None
    longest_stall_s: float | None = None
    concurrency_limit: int | None = None
    connect_p99_s: float | None = None
    loop_lag_p99_s: float | None = None
    client_error_s: float | None = None


class LoadVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """`valid`; or `client-limited`: some of the lateness is the client's own; or `unknown`: too
    little is known to tell. `why` has a sentence for each reason. `tolerated` says what the client
    did late in a run that is valid all the same, since it is too little to change anything, and
    `notes` what else to know of the figures: that the warm-up was too short."""

    verdict: Literal["valid", "client-limited", "unknown"]
    why: list[str]
    tolerated: list[str] = []
    notes: list[str] = []

    @property
    def valid(self) -> bool:
        """Whether the figures can be trusted."""
        return self.verdict == "valid"


def judge_load(signs: LoadSigns) -> LoadVerdict:
    """Judge a run by what is known so far."""
    limited = [said for said in (_wait(signs), _lag(signs), _stalls(signs)) if said is not None]
    if limited:
        return LoadVerdict(verdict="client-limited", why=limited)
    unknown = []
    if not signs.measured:
        unknown.append("no request was measured")
    elif not signs.answered:
        unknown.append(NO_ANSWER)
    if signs.stalls is None:
        unknown.append("the run did not end, so it is not known whether the client stalled")
    unknown += [] if (said := _unrecorded(signs)) is None else [said]
    return LoadVerdict(verdict="unknown" if unknown else "valid", why=unknown)


def _wait(signs: LoadSigns) -> str | None:
    if not signs.open_loop or signs.wait_p99_s is None:
        return None
    allowed_s, by = signs.client_error_s, ", by --client-error"
    if allowed_s is None:
        allowed_s, by = max(WAIT_FLOOR_S, WAIT_SHARE * (signs.median_latency_s or 0)), ""
    if signs.wait_p99_s <= allowed_s:
        return None
    said = (
        f"1 % of the requests left {show_seconds(signs.wait_p99_s)} or more after they were due "
        f"(allowed: {show_seconds(allowed_s)}{by})"
    )
    if signs.concurrency_limit is not None:
        said += f"; the limit of {signs.concurrency_limit} in flight makes requests wait"
    if (signs.connect_p99_s or 0) > allowed_s:
        said += f"; connecting took up to {show_seconds(signs.connect_p99_s or 0)} at p99"
    return said


class _Allowed(NamedTuple):
    """How late bytes may be read, and what says so."""

    lag_s: float
    by: str


def _allowed_lag(signs: LoadSigns) -> _Allowed | None:
    """None where nothing is streamed, so that there are no gaps to judge by."""
    if signs.client_error_s is not None:
        return _Allowed(signs.client_error_s, "by --client-error")
    if signs.median_gap_s is None:
        return None
    return _Allowed(max(LAG_FLOOR_S, signs.median_gap_s), "a median gap")


def _lag(signs: LoadSigns) -> str | None:
    allowed = _allowed_lag(signs)
    if signs.lag_p99_s is None or allowed is None or signs.lag_p99_s <= allowed.lag_s:
        return None
    return (
        f"in 1 % of the answers bytes waited {show_seconds(signs.lag_p99_s)} or more to be read "
        f"(allowed: {show_seconds(allowed.lag_s)}, {allowed.by})"
    )


def _unrecorded(signs: LoadSigns) -> str | None:
    """Where no kernel dates the bytes, a loop that is late may have read them late."""
    allowed, late_s = _allowed_lag(signs), signs.loop_lag_p99_s
    if signs.lag_p99_s is not None or allowed is None or late_s is None or late_s <= allowed.lag_s:
        return None
    return (
        "it is not recorded when bytes arrived (so it is with HTTP/2 and proxies), and the "
        f"client's loop was late by {show_seconds(late_s)} at p99 "
        f"(allowed: {show_seconds(allowed.lag_s)}, {allowed.by})"
    )


def _stalls(signs: LoadSigns) -> str | None:
    longest_s = signs.longest_stall_s or 0
    if not signs.stalls or longest_s <= (signs.client_error_s or 0):
        return None
    times = "once" if signs.stalls == 1 else f"{signs.stalls} times"
    return (
        f"the client stood still {times} for more than {show_seconds(STALL_S)}, at most for "
        f"{show_seconds(longest_s)}"
    )
