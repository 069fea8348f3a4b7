"""How long an answer asks to wait, in each form that services write it."""

import datetime as dt

import httpx
import pytest

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


def test_the_header_comes_before_the_message() -> None:
    headers = httpx.Headers({"Retry-After": "4"})
    assert retry_after_s(headers, message="retry after 9s", now=NOW) == 4.0
