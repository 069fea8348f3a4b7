"""The limits that a service names in the headers of its answers.

The reference's `X-RateLimit-Limit`; OpenAI's `x-ratelimit-limit-requests` and `-tokens`;
Anthropic's `anthropic-ratelimit-requests-limit` and `-tokens-limit`.
"""

from collections.abc import Mapping
from typing import NamedTuple


class ServiceLimits(NamedTuple):
    """Requests and tokens per minute that the service allows, and the requests left of them; None
    where it doesn't say."""

    rpm: int | None = None
    tpm: int | None = None
    remaining: int | None = None


NOTHING_SAID = ServiceLimits()
LIMIT_HEADERS = frozenset(
    {
        b"x-ratelimit-limit",
        b"x-ratelimit-limit-requests",
        b"x-ratelimit-limit-tokens",
        b"anthropic-ratelimit-requests-limit",
        b"anthropic-ratelimit-tokens-limit",
    }
)


def service_limits(headers: Mapping[bytes, bytes]) -> ServiceLimits:
    """The limits in an answer's headers, whose names are in lower case."""
    if LIMIT_HEADERS.isdisjoint(headers):  # most answers: one look instead of eight
        return NOTHING_SAID
    get = headers.get
    rpm = (
        get(b"x-ratelimit-limit")
        or get(b"x-ratelimit-limit-requests")
        or get(b"anthropic-ratelimit-requests-limit")
    )
    tpm = get(b"x-ratelimit-limit-tokens") or get(b"anthropic-ratelimit-tokens-limit")
    remaining = (
        get(b"x-ratelimit-remaining")
        or get(b"x-ratelimit-remaining-requests")
        or get(b"anthropic-ratelimit-requests-remaining")
    )
    return ServiceLimits(_whole(rpm), _whole(tpm), _whole(remaining))


def _whole(value: bytes | None) -> int | None:
    """A header's whole number, where a column of 64 bits holds it."""
    digits = b"" if value is None else value.strip()
    return int(digits) if digits.isdigit() and len(digits) <= 18 else None
