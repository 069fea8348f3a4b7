"""Times as settings are written, and as figures are shown."""

import pytest

from headrace.jobs import parse_duration, show_duration, show_seconds, show_seconds_short


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300ms", 0.3),
        ("90s", 90.0),
        ("30m", 1800.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("1h30m", 5400.0),
        ("1.5s", 1.5),
        ("45", 45.0),
        ("0", 0.0),
        (" 2H ", 7200.0),
    ],
)
def test_durations_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "2 weeks", "-5s", "-5", "nan", "inf", "5s!", "s5"])
def test_what_is_not_a_duration_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 300ms, 90s, 30m or 2h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.2, "0s"),
        (59.4, "59s"),
        (60, "1m"),
        (61, "1m 1s"),
        (3600, "1h"),
        (5400, "1h 30m"),
        (90000, "1d 1h"),
    ],
)
def test_durations_for_people(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 µs"),
        (0.0000005, "0.500 µs"),
        (0.000201, "201 µs"),
        (0.000999, "999 µs"),
        (0.0009996, "1.00 ms"),
        (0.0365, "36.5 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (99.94, "99.9 s"),
        (99.96, "1 min 40 s"),
        (101.2, "1 min 41 s"),
        (120.0, "2 min"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h"),
        (5996.0, "1 h 40 min"),
        (90_061.0, "25 h 1 min"),
        (3_600_000.0, "1,000 h"),
        (36_000_000.0, "10,000 h"),
    ],
)
def test_durations_have_three_digits_or_two_units(seconds: float, text: str) -> None:
    assert show_seconds(seconds) == text


def test_a_narrow_column_has_two_units_without_blanks_between() -> None:
    times = (0.0365, 99.94, 101.2, 3725.0, 90_061.0)
    assert [show_seconds_short(each) for each in times] == [
        "36.5 ms", "99.9 s", "1m 41s", "1h 2m", "1d 1h"
    ]  # fmt: skip
