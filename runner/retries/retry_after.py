"""How long an answer asks to wait: Retry-After in both its forms, or the words of the message.

RFC 9110 section 10.2.3: seconds, or an HTTP date. The date is read against the answer's own Date
header where there is one, so that a server whose clock is off is still understood.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
IN_WORDS = re.compile(
    r"(?:retry|try again|wait)\D{0,24}?(\d+(?:\.\d+)?)\s*"
    r"(ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|h)\b",
    re.IGNORECASE,
)


def retry_after_s(
    headers: Mapping[str, str], *, message: str | None, now: datetime
) -> float | None:
    """Seconds that the answer asks for, zero or more; None where it doesn't say.

    `headers` is case-insensitive. A header that can't be read is passed over for the message.
    """
    asked = headers.get("retry-after")
    if asked is not None and (seconds := _from_header(asked.strip(), headers, now)) is not None:
        return seconds
    found = IN_WORDS.search(message or "")
    if found is None:
        return None
    unit = found[2].lower()
    size_s = UNITS_S["ms" if unit.startswith("mil") or unit == "ms" else unit[0]]
    seconds = float(found[1]) * size_s
    return seconds if math.isfinite(seconds) else None


def _from_header(asked: str, headers: Mapping[str, str], now: datetime) -> float | None:
    try:
        seconds = float(asked)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    then = _date(asked)
    if then is None:
        return None
    return max(0.0, (then - (_date(headers.get("date", "")) or now)).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
