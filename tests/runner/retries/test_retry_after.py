"""How long an answer asks to wait, in each form that services write it."""

import datetime as dt
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.retries.retry_after import retry_after_s

NOW = dt.datetime(2026, 6, 9, 8, 30, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("60", 60.0),
        ("30, 30", 30.0),  # two lines that a proxy made one
        ("5, 60", 60.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("86401", 86401.0),
        ("Tue, 09 Jun 2026 08:31:47 GMT", 107.0),
        ("Tuesday, 09-Jun-26 08:31:47 GMT", 107.0),
        ("Tue Jun  9 08:31:47 2026", 107.0),
        ("Tue, 09 Jun 2026 08:00:00 GMT", 0.0),
        ("PT30S", 30.0),
        ("PT1M30.5S", 90.5),
        ("P1DT1H", 90_000.0),
        ("00:01:30", 90.0),
        ("2026-06-09T08:31:47Z", 107.0),
        ("P", None),
        ("PT", None),
        ("P1M", None),  # a month
        ("99:99:99", None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("", None),
        # These were an OverflowError, and the end of the run.
        ("Tue, 09 Jun 99999999999999999999 20:00:00 GMT", None),
        ("Tue, 09 Jun 2026 99999999999999999999:00:00 GMT", None),
    ],
)
def test_the_header_in_both_its_forms(header: str, seconds: float | None) -> None:
    headers = httpx.Headers({"Retry-After": header})
    assert retry_after_s(headers, message=None, now=NOW) == seconds


def test_a_date_is_read_against_the_answers_own_date() -> None:
    headers = httpx.Headers(
        {
            "Retry-After": "Tue, 09 Jun 2026 20:00:30 GMT",
            "Date": "Tue, 09 Jun 2026 20:00:00 GMT",
        }
    )
    assert retry_after_s(headers, message=None, now=NOW) == 30.0


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit exceeded. Please retry after 60s.", 60.0),
        ("the window resets each 1h. retry after 3 seconds", 3.0),
        ("Please wait. Limit 1M tokens per day", None),
        ("try again in 1,200 seconds", 1200.0),
        ("Please try again in 1.5s", 1.5),
        ("Please try again in 20ms. Visit the page", 0.02),
        ("Retry in 2 minutes", 120.0),
        ("wait 3 seconds", 3.0),
        ("try again in 1 hour", 3600.0),
        ("retry after 500 milliseconds", 0.5),
        ("Retry after: 30", 30.0),
        ("retry_after=7.5, please", 7.5),
        ("retry after 5 times", None),
        ("Expected available in 20 seconds.", 20.0),
        ("available again in 45s", 45.0),
        ("retry in PT30S", 30.0),
        ("try again at 2026-06-09T08:31Z", 60.0),
        ("Try again at 2026-06-09 08:31:30 UTC.", 90.0),
        ("Your limit resets at 2026-06-09T10:31:00.500+02:00", 60.5),
        ("wait until Tue, 09 Jun 2026 08:31:47 GMT", 107.0),
        ("try again at 2026-06-09T08:00:00Z", 0.0),
        ("try again at 2026-06-09 08:31", None),  # by nobody knows which clock
        ("try again at 2026-99-99T08:31Z", None),
        ("You can retry after 1780993860", 60.0),  # was a wait of 56 years
        ("since 2026-06-09T08:31Z retries are counted", None),
        ("30000 tokens available per 60 seconds", None),
        ("You may retry up to 5 times", None),
        ("Rate limit exceeded: 60 requests", None),
        ("went wrong", None),
        (f"retry after {'9' * 400}s", None),
    ],
)
def test_the_delay_named_in_the_message(message: str, seconds: float | None) -> None:
    assert retry_after_s(httpx.Headers(), message=message, now=NOW) == seconds


def test_a_header_that_says_nothing_leaves_it_to_the_message() -> None:
    headers = httpx.Headers({"Retry-After": "later"})
    assert retry_after_s(headers, message="retry after 9s", now=NOW) == 9.0


def test_the_draft_of_the_limit_headers_is_read() -> None:
    headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}
    assert retry_after_s(httpx.Headers(headers), message=None, now=NOW) == 30.0
    left = {**headers, "RateLimit-Remaining": "2"}
    assert retry_after_s(httpx.Headers(left), message=None, now=NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ('"default";r=0;t=30', 30.0),
        ("limit=100, remaining=0, reset=30", 30.0),
        ('"burst";r=4;t=2, "day";r=0;t=900', 900.0),
        ('"default";r=3;t=30', None),
        ("limit=0, remaining=5, reset=30", None),
        ("?", None),
    ],
)
def test_the_drafts_one_header_is_read(value: str, seconds: float | None) -> None:
    assert retry_after_s(httpx.Headers({"RateLimit": value}), message=None, now=NOW) == seconds


@pytest.mark.parametrize("delay", ["90", "90s", "PT1M30S", "00:01:30", "1780993890000"])
def test_a_delay_of_the_body_is_read_as_a_header_is(delay: str) -> None:
    assert retry_after_s(httpx.Headers(), message="slow", now=NOW, delay=delay) == 90.0


def test_azures_milliseconds_are_read() -> None:
    headers = httpx.Headers({"x-ms-retry-after-ms": "1500"})
    assert retry_after_s(headers, message=None, now=NOW) == 1.5


def test_the_header_comes_before_the_message() -> None:
    headers = httpx.Headers({"Retry-After": "4"})
    assert retry_after_s(headers, message="retry after 9s", now=NOW) == 4.0


# -- every spelling, made from a duration and read back

UNITS = {
    "go": ("h", "m", "s", "ms"),
    "words": (" hours", " minutes", " seconds", " milliseconds"),
    "short words": (" hrs", " mins", " secs", " milliseconds"),
    "capitals": (" Hours", " Minutes", " Seconds", " Milliseconds"),
}
MILLISECONDS = st.integers(0, 200_000_000)  # two days and more


def seconds_as_text(milliseconds: int) -> str:
    """ "75", or "75.5" where it is not whole."""
    return format(Decimal(milliseconds).scaleb(-3).normalize(), "f")


@st.composite
def spans(draw: st.DrawFn, milliseconds: int) -> str:
    """A duration in units: `1h2m3.5s`, `1 minute and 15 seconds`, `90000 ms`."""
    units = UNITS[draw(st.sampled_from(sorted(UNITS)))]
    between = draw(st.sampled_from(["", " ", ", ", " and "])) if units != UNITS["go"] else ""
    if draw(st.booleans()):
        return f"{milliseconds}{units[3]}"
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    parts = [(str(hours), units[0]), (str(minutes), units[1]), (seconds_as_text(rest), units[2])]
    said = [f"{count}{unit}" for count, unit in parts if count != "0" or unit == units[2]]
    return (between or ("" if units == UNITS["go"] else " ")).join(said)


def written(draw: st.DrawFn, milliseconds: int) -> tuple[str, float]:
    """One value of a Retry-After or of a reset, and the seconds that it means."""
    form = draw(st.sampled_from(["seconds", "span", "epoch", "epoch in ms", "date", "iso"]))
    seconds = milliseconds / 1000
    then = NOW + dt.timedelta(milliseconds=milliseconds)
    if form == "date":  # of whole seconds
        return format_datetime(then.replace(microsecond=0), usegmt=True), float(int(seconds))
    texts = {
        "seconds": seconds_as_text(milliseconds),
        "epoch": seconds_as_text(int(NOW.timestamp() * 1000) + milliseconds),
        "epoch in ms": str(int(NOW.timestamp() * 1000) + milliseconds),
        "iso": then.isoformat().replace("+00:00", draw(st.sampled_from(["Z", "+00:00"]))),
    }
    return texts[form] if form in texts else draw(spans(milliseconds)), seconds


PHRASES = [
    "Rate limit reached for m on tokens per min (TPM): Limit 30000. Please try again in {}.",
    "Please retry after {}",
    "Too many requests; wait {} and go on",
    "the quota resets in {}",
]
NOTHING = ["later", "", "-", "in a while", "3 potatoes"]


@st.composite
def told(draw: st.DrawFn) -> tuple[dict[str, Any], float | None, float]:
    """Arguments of an answer that says how long in some places, what it means, and the most that
    any of its places says. The places count in this order; of one of them, the longest counts."""
    headers: list[tuple[str, str]] = []
    found: list[float] = []
    longest_s = 0.0

    def say(seconds: float) -> None:
        nonlocal longest_s
        found.append(seconds)
        longest_s = max(longest_s, seconds)

    if draw(st.booleans()):
        milliseconds = draw(MILLISECONDS)
        headers.append(("retry-after-ms", str(milliseconds)))
        say(milliseconds / 1000)
    lines = [written(draw, draw(MILLISECONDS)) for _ in range(draw(st.integers(0, 3)))]
    headers += [("Retry-After", text) for text, _ in lines]
    headers += [
        ("retry-after", text) for text in draw(st.lists(st.sampled_from(NOTHING), max_size=1))
    ]
    if lines:
        say(max(seconds for _, seconds in lines))
    delay: str | None = None
    if draw(st.booleans()):
        milliseconds = draw(MILLISECONDS)
        delay = f"{seconds_as_text(milliseconds)}s"
        say(milliseconds / 1000)
    message: str | None = draw(st.sampled_from([None, "slow down", "Limit 1M tokens per day"]))
    if draw(st.booleans()):
        milliseconds = draw(MILLISECONDS)
        message = draw(st.sampled_from(PHRASES)).format(draw(spans(milliseconds)))
        say(milliseconds / 1000)
    resets: list[float] = []
    for kind in draw(st.sets(st.sampled_from(["requests", "tokens"]))):
        text, seconds = written(draw, draw(MILLISECONDS))
        left = draw(st.sampled_from(["0", "17"]))
        headers.append((f"x-ratelimit-reset-{kind}", text))
        headers.append((f"x-ratelimit-remaining-{kind}", left))
        resets += [seconds] if left == "0" else []
    if resets:
        say(max(resets))
    arguments = {"headers": httpx.Headers(draw(st.permutations(headers))), "message": message}
    return {**arguments, "delay": delay}, found[0] if found else None, longest_s


@pytest.mark.slow
@given(told())
def test_a_wait_is_read_back_from_any_spelling_in_any_place(
    said: tuple[dict[str, Any], float | None, float],
) -> None:
    arguments, seconds, longest_s = said
    found = retry_after_s(now=NOW, **arguments)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-3))
    assert 0 <= (found or 0) <= longest_s + 1e-3


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_is_a_wait_below_zero_or_without_end(header: str, message: str) -> None:
    headers = httpx.Headers([(b"retry-after", header.encode("utf-8"))])
    found = retry_after_s(headers, message=message, now=NOW, delay=message)
    assert found is None or 0 <= found < float("inf")
