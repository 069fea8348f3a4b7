"""Times as people write and read them: 300ms, 30m, 2h as a setting; 312 ms, 1.25 s as a figure."""

import re

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Unit of a figure, its size in seconds, and up to where it is used: what would be rounded to the
# size of the next one is shown in that.
MEASURED_IN = (
    ("µs", 1e-6, 0.0009995),
    ("ms", 1e-3, 0.9995),
    ("s", 1.0, 99.95),
)
HOUR_S = 3600
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def parse_duration(text: str) -> float:
    """Seconds in `text`; several parts add up (1h30m). Raises ValueError with what to write."""
    lowered = text.strip().lower()
    parts = _PART.findall(lowered)
    if parts and not _PART.sub("", lowered).strip():
        return sum(float(number) * UNITS_S[unit] for number, unit in parts)
    try:
        seconds = float(lowered)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{text!r} is not a duration; write it like 300ms, 90s, 30m or 2h")
    return seconds


def show_duration(seconds: float) -> str:
    """A time to wait, or that has passed, for people: two units at most, and whole seconds."""
    whole = round(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            lesser = {"d": ("h", 3600), "h": ("m", 60), "m": ("s", 1)}[unit]
            rest = whole % size // lesser[1]
            return f"{whole // size}{unit} {rest}{lesser[0]}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"


def show_seconds(seconds: float) -> str:
    """A measured time for people: three digits in the unit that suits it (µs, ms or s), and from
    100 s on in minutes and seconds, or hours and minutes."""
    for unit, size, limit in MEASURED_IN:
        if seconds < limit:
            digits = f"{seconds / size:#.3g}".removesuffix(".")
            return f"{'0' if seconds == 0 else digits} {unit}"
    whole = round(seconds)
    if whole < HOUR_S:
        return _two(whole, 60, ("min", "s"))
    return _two(round(seconds / 60), 60, ("h", "min"))


def show_seconds_short(seconds: float) -> str:
    """The same for a narrow column: 312 ms, 1.25 s, 1m 41s, 1h 2m."""
    return show_seconds(seconds) if seconds < MEASURED_IN[-1][2] else show_duration(seconds)


def _two(count: int, size: int, units: tuple[str, str]) -> str:
    """A count of the lesser unit in both units, without a lesser part of 0."""
    greater, lesser = divmod(count, size)
    return f"{greater:,} {units[0]}" + (f" {lesser} {units[1]}" if lesser else "")
