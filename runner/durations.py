"""Durations as people write them: 300ms, 1.5s, 30m, 2h, 1d, or seconds as a plain number."""

import re

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
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
    """A duration for people: two units at most, and whole seconds."""
    whole = round(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            lesser = {"d": ("h", 3600), "h": ("m", 60), "m": ("s", 1)}[unit]
            rest = whole % size // lesser[1]
            return f"{whole // size}{unit} {rest}{lesser[0]}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"
