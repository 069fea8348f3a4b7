"""How long an answer asks to wait, in every form that services write it.

Retry-After in both its forms (RFC 9110 section 10.2.3; a date is read against the answer's own
Date header, so that a server whose clock is off is still understood), as a span ("6m0s") and as an
epoch; `retry-after-ms`; what the error's body says (Google's retryDelay, `retry_after`); the words
of the message, which name a span or a moment; and when a limit of which nothing is left is reset
(`x-ratelimit-reset-*`, `anthropic-ratelimit-*-reset`, the IETF's draft). Spans may also be those of
ISO 8601 ("PT30S") or of a clock ("00:00:30").
"""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# (A capital M is a million, of tokens for example.)
_UNIT = (
    r"(?:milliseconds?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|(?-i:ms|[smhd]))(?![a-zA-Z])"
)
_AMOUNT = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_PART = re.compile(rf"({_AMOUNT})\s*({_UNIT})", re.IGNORECASE)
_SPAN = rf"{_AMOUNT}\s*{_UNIT}(?:(?:\s|,|and)*{_AMOUNT}\s*{_UNIT})*"
_WHOLE_SPAN = re.compile(_SPAN, re.IGNORECASE)
_DECIMAL = r"\d{1,9}(?:\.\d{1,9})?"
# ISO 8601, without years and months, whose length differs.
_ISO_SPAN = (
    rf"P(?=[\dT])(?:{_DECIMAL}D)?(?:T(?=\d)(?:{_DECIMAL}H)?(?:{_DECIMAL}M)?(?:{_DECIMAL}S)?)?"
)
_WHOLE_ISO_SPAN = re.compile(_ISO_SPAN, re.IGNORECASE)
_ISO_PART = re.compile(rf"({_DECIMAL})([DHMS])", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d{1,9})?)")
# When to try again comes before how long a limit's own period is.
_IN_WORDS = [
    re.compile(rf"(?:{verbs})\D{{0,40}}?({_SPAN}|(?<!\w){_ISO_SPAN}(?!\w))", re.IGNORECASE)
    for verbs in ("retry|try again|available (?:again )?in", "wait|reset")
]
# A moment in words, with its time zone: without one it could be hours off.
_DAY_AND_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
_MOMENT = re.compile(
    rf"(?:retry|try again|available|wait|reset|until)\D{{0,40}}?({_DAY_AND_TIME})"
    r"\s?(Z|UTC|GMT|[+-]\d\d:?\d\d)(?!\w)",
    re.IGNORECASE,
)
_HTTP_DATE = re.compile(
    r"(?:retry|try again|available|wait|reset|until)\D{0,40}?"
    r"((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)"
)
# The header's name in the words, with a number of seconds.
_BARE = re.compile(r"retry[-_ ]after\W{0,3}(\d+(?:\.\d+)?)(?!\w|\.\d|\s+\w)", re.IGNORECASE)
# The IETF's draft in one header: what is left, and the seconds until its reset.
_DRAFT_LEFT = re.compile(r"(?<![\w-])(?:r|remaining)\s*=\s*0(?![\d.])")
_DRAFT_RESET = re.compile(r"(?<![\w-])(?:t|reset)\s*=\s*(\d+)")
# A number from here on is a moment: seconds since 1970, or milliseconds.
EPOCH_S = 1e9
EPOCH_MS = 1e12
# The limits that services name apart: header of what is left -> header of the reset.
RESETS = {
    "ratelimit-remaining": "ratelimit-reset",  # the IETF's draft
    **{
        f"x-ratelimit-remaining{kind}": f"x-ratelimit-reset{kind}"
        for kind in ("", "-requests", "-tokens")
    },
    **{
        f"anthropic-ratelimit-{kind}-remaining": f"anthropic-ratelimit-{kind}-reset"
        for kind in ("requests", "tokens", "input-tokens", "output-tokens")
    },
}


def retry_after_s(
    headers: httpx.Headers, *, message: str | None, now: datetime, delay: str | None = None
) -> float | None:
    """Seconds that an answer asks for, zero or more; None where it doesn't say.

    Args:
        headers: the answer's. One that can't be read is passed over for the next source.
        message: the error's words.
        now: the present moment, for dates where the answer has none of its own.
        delay: a delay among the error's details, such as Google's "34.07s"; a header's forms.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (milliseconds := _number(headers.get(name, ""))) is not None:
            return max(0.0, milliseconds / 1000)
    own = _date(headers.get("date", "")) or now
    asked = []
    for value in headers.get_list("retry-after"):
        seconds = _pause_s(value.strip(), own)
        # Several lines that a proxy made one are apart at commas, as a date's parts are.
        parts = value.split(",") if seconds is None else ()
        asked += [seconds, *(_plain_s(each.strip(), own) for each in parts)]
    known = [seconds for seconds in asked if seconds is not None]
    if known:
        return max(known)
    if delay is not None and (seconds := _pause_s(delay.strip(), own)) is not None:
        return seconds
    if message and (seconds := _said_s(message, own)) is not None:
        return seconds
    return _until_reset_s(headers, own)


def _said_s(message: str, now: datetime) -> float | None:
    """What the words of an error ask for."""
    for words in _IN_WORDS:
        found = words.search(message)
        if found is not None and (seconds := _span_s(found[1])) is not None:
            return seconds
    if (bare := _BARE.search(message)) is not None and (seconds := _plain_s(bare[1], now)):
        return seconds
    if (named := _MOMENT.search(message)) is not None:
        zone = named[2].upper()
        then = _moment(named[1] + ("Z" if zone in ("Z", "UTC", "GMT") else zone))
    else:
        dated = _HTTP_DATE.search(message)
        then = None if dated is None else _date(dated[1])
    return None if then is None else max(0.0, (then - now).total_seconds())


def _until_reset_s(headers: httpx.Headers, now: datetime) -> float | None:
    """The longest until a limit of which nothing is left is reset."""
    waits = []
    for remaining, reset in RESETS.items():
        if _number(headers.get(remaining, "")) == 0 and (told := headers.get(reset)) is not None:
            waits.append(_pause_s(told.strip(), now))
    for policy in headers.get("ratelimit", "").split('"') if "ratelimit" in headers else ():
        reset_in = _DRAFT_RESET.search(policy)
        if reset_in is not None and _DRAFT_LEFT.search(policy) is not None:
            waits.append(_number(reset_in[1]))
    return max((wait for wait in waits if wait is not None), default=None)


def _pause_s(text: str, now: datetime) -> float | None:
    """A number of seconds, a span, an epoch, or a date in one of its forms."""
    if (seconds := _plain_s(text, now)) is not None:
        return seconds
    then = _date(text) or _moment(text)
    return None if then is None else max(0.0, (then - now).total_seconds())


def _plain_s(text: str, now: datetime) -> float | None:
    """The same, but for dates."""
    number = _number(text)
    if number is not None:
        if number >= EPOCH_MS:
            number = number / 1000 - now.timestamp()
        elif number >= EPOCH_S:
            number -= now.timestamp()
        return max(0.0, number)
    return _span_s(text)


def _span_s(text: str) -> float | None:
    """ "1m30s", "1 minute 30 seconds", "PT90S", "00:01:30" and their like, in seconds."""
    if _WHOLE_ISO_SPAN.fullmatch(text) is not None:
        parts = _ISO_PART.findall(text)
        return sum(float(amount) * UNITS_S[unit.lower()] for amount, unit in parts)
    if (clock := _CLOCK.fullmatch(text)) is not None:
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    if _WHOLE_SPAN.fullmatch(text) is None:
        return None
    seconds = 0.0
    for amount, unit in _PART.findall(text):
        name = unit.lower()
        size = "ms" if name.startswith("mil") or name == "ms" else name[0]
        seconds += float(amount.replace(",", "")) * UNITS_S[size]
    return seconds if math.isfinite(seconds) else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
