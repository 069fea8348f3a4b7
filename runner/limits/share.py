"""What a worker and its coordinator tell each other of one lane's limits.

A share has two parts. `pace` is how many a minute may leave evenly: it shifts as soon as a worker
has heard that its own is less. `window` is the most that may be in any 60.5 s: what was sent under
an earlier share still counts at the server, so a worker holds the larger of its window and what its
last minute sent, and only what is held by nobody is dealt again.
"""

import msgspec


class Share(msgspec.Struct, frozen=True, array_like=True):
    """A part of a limit per minute: whole requests, or tokens."""

    pace: int = 0
    window: int = 0


NO_SHARE = Share()


class LaneShare(msgspec.Struct, frozen=True, array_like=True):
    """What one lane of a worker may send from now on; None where there is no limit.

    `rpm` and `tpm` are the whole limits, of all workers together; no request is larger than `tpm`.
    `hold_s` is how long a cool-down that another worker was asked for still lasts.
    """

    requests: Share | None
    tokens: Share | None
    rpm: int | None
    tpm: int | None
    hold_s: float = 0.0


class LaneUse(msgspec.Struct, frozen=True, array_like=True):
    """What one lane of a worker holds, uses and could use.

    `held_` is the most that may be or may have been sent in any 60.5 s that end from now on,
    `used_` what the last 60.5 s sent, and `pace` how many requests a minute left lately.
    `waits_for` names the limit that held the lane back for most of the time since the last report.
    `largest_tokens` is the largest reservation that waited. `hold_s` is how long this lane's own
    cool-down lasts; `none_left` that a refusal said that the minute holds no more requests;
    `service_rpm` and `service_tpm` are limits that an answer named.
    """

    held_requests: int = 0
    held_tokens: int = 0
    used_requests: int = 0
    used_tokens: int = 0
    pace: int = 0
    waits_for: str | None = None  # "requests" or "tokens"
    largest_tokens: int = 0
    hold_s: float = 0.0
    none_left: bool = False
    service_rpm: int | None = None
    service_tpm: int | None = None
